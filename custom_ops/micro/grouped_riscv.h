/* The sums of a channel in RV32I: an element of a list is one load of its index, two instructions
 * for its address, and a load and an addition for each two pixels. */
#ifndef KERAS_SHIFTADD_MICRO_GROUPED_RISCV_H_
#define KERAS_SHIFTADD_MICRO_GROUPED_RISCV_H_

#if KSA_PIXELS == 8
#define KSA_SCALE "4"
#define KSA_EACH_WORD(DO) DO("t0", "a3", "a4", "0") DO("t1", "a5", "a6", "4") \
                          DO("t2", "a7", "t4", "8") DO("t3", "t5", "t6", "12")
#elif KSA_PIXELS == 4
#define KSA_SCALE "3"
#define KSA_EACH_WORD(DO) DO("t0", "a3", "a4", "0") DO("t1", "a5", "a6", "4")
#else
#define KSA_SCALE "2"
#define KSA_EACH_WORD(DO) DO("t0", "a3", "a4", "0")
#endif

/* a0 list, a1 patch of these indices, a2 sums, s1 address and index, s2 head of a list, s3
 * end of its indices or a loaded word, s4 2^15 in
 * both lanes, s5 mask of the lower one; t0-t3 lanes; a3-a7,
 * t4-t6 sums. */
#define KSA_CLEAR(lanes, low, high, at) "li " lanes ", 0\n"
#define KSA_BEGIN(lanes, low, high, at) "li " low ", 0\n li " high ", 0\n"
#define KSA_ADD(lanes, low, high, at) "lw s6, " at "(s1)\n add " lanes ", " lanes ", s6\n"
#define KSA_SUBTRACT(lanes, low, high, at) "lw s6, " at "(s1)\n sub " lanes ", " lanes ", s6\n"
#define KSA_DOUBLE(lanes, low, high, at) "sll " lanes ", " lanes ", s2\n"
#define KSA_FLUSH(lanes, low, high, at)          \
  "add " lanes ", " lanes ", s4\n"               \
  "and s6, " lanes ", s5\n"                      \
  "srli " lanes ", " lanes ", 16\n"              \
  "sll " low ", " low ", s2\n"                   \
  "sll " high ", " high ", s2\n"                 \
  "add " low ", " low ", s6\n"                   \
  "add " high ", " high ", " lanes "\n"
#define KSA_STORE(lanes, low, high, at) \
  "sw " low ", 0(a2)\n sw " high ", 4(a2)\n addi a2, a2, 8\n"

#define KSA_ELEMENT(at, DO) \
  "lbu s1, " at "(a0)\n slli s1, s1, " KSA_SCALE "\n add s1, s1, a1\n" KSA_EACH_WORD(DO)

#define KSA_LIST(label, DO)                                                                  \
  label "0: lb s2, 0(a0)\n addi a0, a0, 1\n"                                                 \
  "andi s3, s2, 124\n beqz s3, " label "2f\n add s3, s3, a0\n"                               \
  label "1:\n" KSA_ELEMENT("0", DO) KSA_ELEMENT("1", DO) KSA_ELEMENT("2", DO)                \
  KSA_ELEMENT("3", DO) "addi a0, a0, 4\n bne a0, s3, " label "1b\n"                          \
  label "2: andi s3, s2, 3\n beqz s3, " label "4f\n add s3, s3, a0\n"                        \
  label "3:\n" KSA_ELEMENT("0", DO) "addi a0, a0, 1\n bne a0, s3, " label "3b\n"             \
  label "4: bgez s2, " label "6f\n"                                                          \
  "lb s2, 0(a0)\n addi a0, a0, 1\n"                                                          \
  "slli s2, s2, 8 + " KSA_SCALE "\n add a1, a1, s2\n j " label "0b\n"                        \
  label "6:\n"

__attribute__((naked, noinline)) static const uint8_t* ksa_grouped_sums(
    const uint8_t* list __attribute__((unused)), const uint32_t* patch __attribute__((unused)),
    uint32_t* sums __attribute__((unused))) {
  __asm__ volatile(
      "addi sp, sp, -32\n"
      "sw s1, 4(sp)\n sw s2, 8(sp)\n sw s3, 12(sp)\n sw s4, 16(sp)\n"
      "sw s5, 20(sp)\n sw s6, 24(sp)\n"
      "li s4, 0x80008000\n li s5, 0xffff\n"
      KSA_EACH_WORD(KSA_BEGIN)
      "9:\n"
      KSA_EACH_WORD(KSA_CLEAR)
      "8:\n"
      KSA_LIST("1", KSA_SUBTRACT)
      KSA_LIST("2", KSA_ADD)
      "lbu s3, 0(a0)\n addi a0, a0, 1\n andi s2, s3, 7\n andi s1, s3, 64\n beqz s1, 7f\n"
      KSA_EACH_WORD(KSA_DOUBLE)
      "j 8b\n"
      "7:\n"
      KSA_EACH_WORD(KSA_FLUSH)
      "beq s2, s3, 9b\n"
      KSA_EACH_WORD(KSA_STORE)
      "lw s1, 4(sp)\n lw s2, 8(sp)\n lw s3, 12(sp)\n lw s4, 16(sp)\n"
      "lw s5, 20(sp)\n lw s6, 24(sp)\n"
      "addi sp, sp, 32\n"
      "ret\n");
}

#endif /* KERAS_SHIFTADD_MICRO_GROUPED_RISCV_H_ */
