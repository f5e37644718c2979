/* Absolute differences of four channels at once where there are Arm's DSP instructions: both
 * differences modulo 256, of which SEL takes that of the sign which SSUB8 found. */
#include "depthwise.h"
#include "dsp.h"
#include "words.h"

#if KSA_DSP

static void ksa_sum_taps(const ksa_taps* taps, uint32_t channel, const uint8_t* weights,
                         int32_t* sums) {
  uint32_t even = 0, odd = 0; /* sums of channels 0 and 2, and of 1 and 3, in 16 bits */
  const uint32_t* const end = taps->list + taps->count;
  for (const uint32_t* entry = taps->list; entry != end; ++entry, weights += KSA_CHANNELS) {
    const uint32_t x = ksa_load_word(KSA_TAP(taps, *entry) + channel);
    const uint32_t w = ksa_load_word(weights);
    uint32_t difference, negated;
    __asm__(
        "ssub8 %1, %3, %2\n\t"
        "ssub8 %0, %2, %3\n\t"
        "sel %0, %0, %1"
        : "=&r"(difference), "=&r"(negated)
        : "r"(x), "r"(w)
        : "cc");
    __asm__("uxtab16 %0, %0, %1" : "+r"(even) : "r"(difference));
    __asm__("uxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(difference));
  }
  sums[0] = -(int32_t)(even & 0xffff);
  sums[1] = -(int32_t)(odd & 0xffff);
  sums[2] = -(int32_t)(even >> 16);
  sums[3] = -(int32_t)(odd >> 16);
}

#else

static inline int32_t ksa_term(int32_t x, uint8_t weight) {
  const int32_t difference = x - (int8_t)weight;
  return difference < 0 ? difference : -difference;
}

#include "depthwise_terms.h"

#endif

#include "depthwise_conv.h"

size_t ksa_adder_depthwise_scratch_bytes(const ksa_conv_params* params) {
  return ksa_depthwise_scratch_bytes(params);
}

void ksa_adder_depthwise(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                         void* scratch) {
  ksa_depthwise_conv(params, x, y, (uint32_t*)scratch);
}
