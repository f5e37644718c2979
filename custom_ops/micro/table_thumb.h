/* Negated sums of table entries in the Thumb instructions of a Cortex-M0, one channel after the other: one
 * load of four addresses, one of a weight, and a load and an addition for each pixel. */
#ifndef KERAS_SHIFTADD_MICRO_TABLE_THUMB_H_
#define KERAS_SHIFTADD_MICRO_TABLE_THUMB_H_

/* r0 patch, r1 weights, r2 a weight, r3 sums, r4-r7 addresses and entries, r8-r11 sums of four
 * pixels, r12 end of the patch. */
#define KSA_ELEMENT(at)                                                                   \
  "ldmia r0!, {r4, r5, r6, r7}\n ldrb r2, [r1, #" at "]\n"                                \
  "ldrb r4, [r4, r2]\n add r8, r4\n ldrb r5, [r5, r2]\n add r9, r5\n"                     \
  "ldrb r6, [r6, r2]\n add r10, r6\n ldrb r7, [r7, r2]\n add r11, r7\n"

__attribute__((naked, noinline)) static void ksa_block_sums(
    const uint8_t* weights __attribute__((unused)), const uint32_t* patch __attribute__((unused)),
    const uint32_t* end __attribute__((unused)), uint32_t* sums __attribute__((unused))) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
      "push {r4, r5, r6, r7}\n"
      "push {r0, r1}\n" /* weights of the next channel, patch */
      "mov r12, r2\n"
      "movs r4, #4\n"
      "mov lr, r4\n"
      "1: ldr r0, [sp, #4]\n ldr r1, [sp]\n adds r4, r1, #1\n str r4, [sp]\n"
      "movs r4, #0\n mov r8, r4\n mov r9, r4\n mov r10, r4\n mov r11, r4\n"
      "2:\n" KSA_ELEMENT("0") KSA_ELEMENT("4") KSA_ELEMENT("8") KSA_ELEMENT("12")
      "adds r1, #16\n cmp r0, r12\n bne 2b\n"
      "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
      "rsbs r4, r4, #0\n rsbs r5, r5, #0\n rsbs r6, r6, #0\n rsbs r7, r7, #0\n"
      "stmia r3!, {r4, r5, r6, r7}\n"
      "mov r4, lr\n subs r4, #1\n mov lr, r4\n bne 1b\n"
      "add sp, #8\n"
      "pop {r4, r5, r6, r7}\n"
      "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n");
}

#endif /* KERAS_SHIFTADD_MICRO_TABLE_THUMB_H_ */
