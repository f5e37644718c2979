/* USADA8 adds four absolute differences of unsigned bytes: the sign bits of image and weights are
 * flipped, which moves both by 128. A step is four elements, its 16 bytes are those of a channel
 * after the other. Windows are filled up with bytes of 0, flipped, in image and weights. */
#include "dsp.h"
#include "shiftadd_micro.h"

#define KSA_WORDS 1
#define KSA_SIGN (-1)

#define KSA_STEP                                                    \
  "ldrd r2, r3, [r0], #8\n"                                         \
  "ldrd r12, lr, [r1], #8\n"                                        \
  "usada8 r4, r2, r12, r4\n"                                        \
  "usada8 r8, r3, r12, r8\n"                                        \
  "usada8 r5, r2, lr, r5\n"                                         \
  "usada8 r9, r3, lr, r9\n"                                         \
  "ldrd r12, lr, [r1], #8\n"                                        \
  "usada8 r6, r2, r12, r6\n"                                        \
  "usada8 r10, r3, r12, r10\n"                                      \
  "usada8 r7, r2, lr, r7\n"                                         \
  "usada8 r11, r3, lr, r11\n"

static inline void ksa_expand(uint32_t word, uint32_t* out) { *out = word ^ 0x80808080u; }

#if !KSA_DSP
static inline int32_t ksa_step(uint32_t x, const uint8_t* weights, uint32_t filter) {
  int32_t sum = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const int32_t difference = (int32_t)(x >> (8 * i) & 0xff) - weights[4 * filter + i];
    sum += difference < 0 ? -difference : difference;
  }
  return sum;
}
#endif

#include "pairs_dsp.h"

size_t ksa_adder_conv_dsp_scratch_bytes(const ksa_conv_params* params) {
  return ksa_pairs_scratch_bytes(params);
}

void ksa_adder_conv_dsp(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                        void* scratch) {
  ksa_conv_pairs(params, x, y, (uint32_t*)scratch);
}
