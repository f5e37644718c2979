/* Requantisation in three instructions of Arm's DSP cores, LSL, SMMLAR and SSAT: of fast layers,
 * those with single rounding and one shift for all channels. They have a null `shift`, and
 * `left_shift` is 32 less that shift; sums have room to be shifted left. */
#ifndef KERAS_SHIFTADD_MICRO_FAST_REQUANTIZE_H_
#define KERAS_SHIFTADD_MICRO_FAST_REQUANTIZE_H_

#include "dsp.h"
#include "requantize.h"

static inline int8_t ksa_requantize_fast(const ksa_conv_params* p, int32_t sum,
                                         int32_t multiplier) {
  const int32_t zero = p->output_zero;
  sum = (int32_t)((uint32_t)sum << p->left_shift);
#if KSA_DSP
  int32_t result;
  __asm__(
      "smmlar %0, %1, %2, %3\n\t"
      "ssat %0, #8, %0"
      : "=r"(result)
      : "r"(sum), "r"(multiplier), "r"(zero));
  return (int8_t)result;
#else
  return ksa_clamp(ksa_scale_single(sum, multiplier, 32) + zero, -128, 127);
#endif
}

/* Bounds tighter than those of a byte. */
static inline void ksa_clamp_bytes(int8_t* y, uint32_t count, int8_t low, int8_t high) {
  if (low == -128 && high == 127) return;
  for (uint32_t i = 0; i < count; ++i) y[i] = ksa_clamp(y[i], low, high);
}

#endif /* KERAS_SHIFTADD_MICRO_FAST_REQUANTIZE_H_ */
