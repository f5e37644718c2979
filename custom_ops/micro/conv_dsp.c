/* SMLAD adds two products of 16 bits. A patch word holds elements 0 and 2 of four, sign-extended,
 * the next one elements 1 and 3. A step is such a pair; of its 8 bytes, four belong to the channels
 * 0 and 1, in the order of channel 0, 1, 0, 1, and four to the channels 2 and 3. Windows are filled
 * up with weights of 0. The sums begin with the bias less the zero point's share. */
#include "dsp.h"
#include "shiftadd_micro.h"

#define KSA_WORDS 2
#define KSA_SIGN 1

#define KSA_HALF_STEP(a0, a1, b0, b1)                               \
  "ldr r12, [r1], #4\n"                                             \
  "sxtb16 lr, r12\n"                                                \
  "smlad " a0 ", r2, lr, " a0 "\n"                                  \
  "smlad " b0 ", r3, lr, " b0 "\n"                                  \
  "sxtb16 r12, r12, ror #8\n"                                       \
  "smlad " a1 ", r2, r12, " a1 "\n"                                 \
  "smlad " b1 ", r3, r12, " b1 "\n"

#define KSA_STEP                                                    \
  "ldrd r2, r3, [r0], #8\n"                                         \
  KSA_HALF_STEP("r4", "r5", "r8", "r9")                             \
  KSA_HALF_STEP("r6", "r7", "r10", "r11")

/* Bytes 0 and 2, sign-extended to the halves of a word. */
static inline uint32_t ksa_sign_extend(uint32_t word) {
#if KSA_DSP
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(word));
  return result;
#else
  const uint32_t low = (uint32_t)(int8_t)(uint8_t)(word & 0xff) & 0xffff;
  const uint32_t high = (uint32_t)(int8_t)(uint8_t)(word >> 16 & 0xff);
  return low | high << 16;
#endif
}

static inline void ksa_expand(uint32_t word, uint32_t* out) {
  out[0] = ksa_sign_extend(word);
  out[2] = ksa_sign_extend(word >> 8);
}

#if !KSA_DSP
static inline int32_t ksa_step(uint32_t x, const uint8_t* weights, uint32_t filter) {
  const uint8_t* w = weights + (filter & 2) * 2 + (filter & 1);
  const int32_t low = (int16_t)(uint16_t)(x & 0xffff), high = (int16_t)(uint16_t)(x >> 16);
  return low * (int8_t)w[0] + high * (int8_t)w[2];
}
#endif

#include "pairs_dsp.h"

size_t ksa_conv_dsp_scratch_bytes(const ksa_conv_params* params) {
  return ksa_pairs_scratch_bytes(params);
}

void ksa_conv_dsp(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch) {
  ksa_conv_pairs(params, x, y, (uint32_t*)scratch);
}
