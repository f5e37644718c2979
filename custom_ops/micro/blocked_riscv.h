/* Sixteen sums at a time in RV32I, of four pixels and four channels. A file defines, before it
 * includes this, KSA_ENTRY(pixel, sum), which adds to a sum what the weight in s9 and the element in
 * the register `pixel` make, with s10 free; KSA_LOAD_PIXEL, KSA_PIXEL_BYTES, KSA_LOAD_WEIGHT. */
#ifndef KERAS_SHIFTADD_MICRO_BLOCKED_RISCV_H_
#define KERAS_SHIFTADD_MICRO_BLOCKED_RISCV_H_

/* a0 weights, a1 patch, a2 end of the patch, a3 sums; a4-a7 elements of four pixels, s9 a weight,
 * the others sums. */
#define KSA_FILTER(at, first, second, third, fourth)                                \
  KSA_LOAD_WEIGHT " s9, " at "(a0)\n"                                               \
  KSA_ENTRY("a4", first) KSA_ENTRY("a5", second) KSA_ENTRY("a6", third) KSA_ENTRY("a7", fourth)
#define KSA_EACH_FILTER(DO, a, b, c, d)                                             \
  DO(a, "t0", "t1", "t2", "t3") DO(b, "t4", "t5", "t6", "s0")                       \
  DO(c, "s1", "s2", "s3", "s4") DO(d, "s5", "s6", "s7", "s8")
#define KSA_CLEAR(at, first, second, third, fourth) \
  "li " first ", 0\n li " second ", 0\n li " third ", 0\n li " fourth ", 0\n"
#define KSA_STORE(at, first, second, third, fourth)                                 \
  "sw " first ", 0(a3)\n sw " second ", 4(a3)\n sw " third ", 8(a3)\n"              \
  "sw " fourth ", 12(a3)\n addi a3, a3, 16\n"
#define KSA_LOAD_ONE(pixel, at) KSA_LOAD_PIXEL " " pixel ", (" at ") * " KSA_PIXEL_BYTES "(a1)\n"
#define KSA_LOAD(first, second, third, fourth)                                      \
  KSA_LOAD_ONE("a4", first) KSA_LOAD_ONE("a5", second) KSA_LOAD_ONE("a6", third)    \
  KSA_LOAD_ONE("a7", fourth)

__attribute__((naked, noinline)) static void ksa_block_sums(
    const uint8_t* weights __attribute__((unused)), const ksa_element* patch __attribute__((unused)),
    const ksa_element* end __attribute__((unused)), uint32_t* sums __attribute__((unused))) {
  __asm__ volatile(
      "addi sp, sp, -48\n"
      "sw s0, 0(sp)\n sw s1, 4(sp)\n sw s2, 8(sp)\n sw s3, 12(sp)\n sw s4, 16(sp)\n"
      "sw s5, 20(sp)\n sw s6, 24(sp)\n sw s7, 28(sp)\n sw s8, 32(sp)\n sw s9, 36(sp)\n"
      "sw s10, 40(sp)\n"
      KSA_EACH_FILTER(KSA_CLEAR, "", "", "", "")
      "1:\n"
      KSA_LOAD("0", "1", "2", "3")
      KSA_EACH_FILTER(KSA_FILTER, "0", "1", "2", "3")
      KSA_LOAD("4", "5", "6", "7")
      KSA_EACH_FILTER(KSA_FILTER, "4", "5", "6", "7")
      "addi a1, a1, 8 * " KSA_PIXEL_BYTES "\n addi a0, a0, 8\n bne a1, a2, 1b\n"
      KSA_EACH_FILTER(KSA_STORE, "", "", "", "")
      "lw s0, 0(sp)\n lw s1, 4(sp)\n lw s2, 8(sp)\n lw s3, 12(sp)\n lw s4, 16(sp)\n"
      "lw s5, 20(sp)\n lw s6, 24(sp)\n lw s7, 28(sp)\n lw s8, 32(sp)\n lw s9, 36(sp)\n"
      "lw s10, 40(sp)\n"
      "addi sp, sp, 48\n"
      "ret\n");
}

#endif /* KERAS_SHIFTADD_MICRO_BLOCKED_RISCV_H_ */
