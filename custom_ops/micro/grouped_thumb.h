/* The sums of a channel in the Thumb instructions of a Cortex-M0: an element of a list is one load
 * of its index, two instructions for its address, one load of all its pixels, and an addition for
 * each two pixels. */
#ifndef KERAS_SHIFTADD_MICRO_GROUPED_THUMB_H_
#define KERAS_SHIFTADD_MICRO_GROUPED_THUMB_H_

/* KSA_EACH_WORD(DO) calls DO(lanes, loaded word, stack offsets of two sums). */
#if KSA_PIXELS == 8
#define KSA_SCALE "4"
#define KSA_LOADED "{r4, r5, r6, r7}"
#define KSA_EACH_WORD(DO) DO("r8", "r4", "0", "4") DO("r9", "r5", "8", "12") \
                          DO("r10", "r6", "16", "20") DO("r11", "r7", "24", "28")
#elif KSA_PIXELS == 4
#define KSA_SCALE "3"
#define KSA_LOADED "{r4, r5}"
#define KSA_EACH_WORD(DO) DO("r8", "r4", "0", "4") DO("r9", "r5", "8", "12")
#else
#define KSA_SCALE "2"
#define KSA_LOADED "{r4}"
#define KSA_EACH_WORD(DO) DO("r8", "r4", "0", "4")
#endif

/* r0 list, r1 patch of these indices, r2 address and index, r3 count, r4-r7 loaded words; r8-r11
 * lanes, lr head of the list. The sums lie on the stack. What is subtracted is added to the negated
 * lanes, for additions alone reach r8-r11. */
#define KSA_BEGIN(lanes, word, low, high) "str r3, [sp, #" low "]\n str r3, [sp, #" high "]\n"
#define KSA_CLEAR(lanes, word, low, high) "mov " lanes ", r3\n"
#define KSA_NEGATE(lanes, word, low, high) "mov r4, " lanes "\n rsbs r4, r4, #0\n mov " lanes ", r4\n"
#define KSA_DOUBLE(lanes, word, low, high) \
  "mov r4, " lanes "\n lsls r4, r4, r3\n rsbs r4, r4, #0\n mov " lanes ", r4\n"
#define KSA_ADD(lanes, word, low, high) "add " lanes ", " word "\n"
#define KSA_FLUSH_ONE(word, at) \
  "ldr r6, [sp, #" at "]\n lsls r6, r6, r3\n adds r6, r6, " word "\n str r6, [sp, #" at "]\n"
#define KSA_FLUSH(lanes, word, low, high)                                    \
  "mov r4, " lanes "\n adds r4, r4, r7\n uxth r5, r4\n lsrs r4, r4, #16\n"   \
  KSA_FLUSH_ONE("r5", low) KSA_FLUSH_ONE("r4", high)
#define KSA_STORE(lanes, word, low, high) \
  "ldr r4, [sp, #" low "]\n ldr r5, [sp, #" high "]\n stmia r2!, {r4, r5}\n"

#define KSA_ELEMENT(at)                                                      \
  "ldrb r2, [r0, #" at "]\n lsls r2, r2, #" KSA_SCALE "\n adds r2, r2, r1\n" \
  "ldmia r2!, " KSA_LOADED "\n" KSA_EACH_WORD(KSA_ADD)

#define KSA_LIST(label)                                                                  \
  label "0: ldrb r3, [r0]\n mov lr, r3\n adds r0, #1\n"                                  \
  "lsls r3, r3, #25\n lsrs r3, r3, #27\n beq " label "2f\n"                              \
  label "1:\n" KSA_ELEMENT("0") KSA_ELEMENT("1") KSA_ELEMENT("2") KSA_ELEMENT("3")       \
  "adds r0, #4\n subs r3, #1\n bne " label "1b\n"                                        \
  label "2: mov r3, lr\n lsls r3, r3, #30\n beq " label "4f\n lsrs r3, r3, #30\n"        \
  label "3:\n" KSA_ELEMENT("0")                                                          \
  "adds r0, #1\n subs r3, #1\n bne " label "3b\n"                                        \
  label "4: mov r2, lr\n cmp r2, #128\n blo " label "5f\n"                               \
  "ldrb r2, [r0]\n sxtb r2, r2\n adds r0, #1\n"                                          \
  "lsls r2, r2, #8 + " KSA_SCALE "\n adds r1, r1, r2\n b " label "0b\n"                  \
  label "5:\n"

__attribute__((naked, noinline)) static const uint8_t* ksa_grouped_sums(
    const uint8_t* list __attribute__((unused)), const uint32_t* patch __attribute__((unused)),
    uint32_t* sums __attribute__((unused))) {
  __asm__ volatile(
      "push {r4, r5, r6, r7, lr}\n"
      "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n"
      "push {r2, r4, r5, r6, r7}\n"
      "sub sp, #32\n"
      "movs r3, #0\n"
      KSA_EACH_WORD(KSA_BEGIN)
      "9: movs r3, #0\n"
      KSA_EACH_WORD(KSA_CLEAR)
      "b 8f\n"
      "7:\n"
      KSA_EACH_WORD(KSA_DOUBLE)
      "8:\n"
      KSA_LIST("1")
      KSA_EACH_WORD(KSA_NEGATE)
      KSA_LIST("2")
      "ldrb r2, [r0]\n adds r0, #1\n movs r4, #7\n mov r3, r2\n ands r3, r4\n"
      "lsrs r4, r2, #7\n bcc 4f\n b 7b\n 4:\n"
      "ldr r7, 6f\n"
      KSA_EACH_WORD(KSA_FLUSH)
      "cmp r2, r3\n bne 5f\n b 9b\n"
      "5: ldr r2, [sp, #32]\n"
      KSA_EACH_WORD(KSA_STORE)
      "add sp, #32\n"
      "pop {r2, r4, r5, r6, r7}\n"
      "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
      "pop {r4, r5, r6, r7, pc}\n"
      ".align 2\n"
      "6: .word 0x80008000\n");
}

#endif /* KERAS_SHIFTADD_MICRO_GROUPED_THUMB_H_ */
