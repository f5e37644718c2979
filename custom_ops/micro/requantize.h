/* Sums of 32 bits to int8 (docs/integer_ops.md, "Requantisation"). */
#ifndef KERAS_SHIFTADD_MICRO_REQUANTIZE_H_
#define KERAS_SHIFTADD_MICRO_REQUANTIZE_H_

#include "shiftadd_micro.h"

static inline int8_t ksa_clamp(int32_t value, int8_t low, int8_t high) {
  if (value < low) return low;
  return value > high ? high : (int8_t)value;
}

/* To 32 bits, with room for a zero point. */
static inline int32_t ksa_narrow(int64_t value) {
  if (value > 0x7fffff00) return 0x7fffff00;
  return value < -0x7fffff00 ? -0x7fffff00 : (int32_t)value;
}

/* floor(value / 2^shift + 1/2), shift in 1..32. */
static inline int32_t ksa_shift_rounded(int32_t value, uint32_t shift) {
  const int32_t halves = value >> (shift - 1);
  return (halves >> 1) + (halves & 1);
}

static inline int64_t ksa_scale_single(int32_t value, int32_t multiplier, uint32_t shift) {
  return ((int64_t)value * multiplier + ((int64_t)1 << (shift - 1))) >> shift;
}

/* TFLite's: the high half of the doubled product, halves rounded up; then the rest of the shift,
 * halves away from zero. A shift below 31 comes first, as a shift to the left. */
static inline int32_t ksa_scale_double(int32_t value, int32_t multiplier, uint32_t shift) {
  if (shift < 31) {
    value = ksa_narrow((int64_t)value * ((int32_t)1 << (31 - shift)));
    shift = 31;
  }
  value = (int32_t)(((int64_t)value * multiplier + ((int32_t)1 << 30)) >> 31);
  const uint32_t rest = shift - 31;
  if (rest == 0) return value;
  const uint32_t remainder = (uint32_t)value & (((uint32_t)1 << rest) - 1);
  const uint32_t half = ((uint32_t)1 << (rest - 1)) + (value < 0);
  return (value >> rest) + (remainder >= half);
}

/* round(value * multiplier / 2^shift). */
static inline int32_t ksa_scale(int32_t value, int32_t multiplier, uint32_t shift,
                                uint8_t rounding) {
  if (rounding == KSA_DOUBLE_ROUNDING) return ksa_scale_double(value, multiplier, shift);
  if (multiplier == (int32_t)1 << 30 && shift > 30) return ksa_shift_rounded(value, shift - 30);
  return ksa_narrow(ksa_scale_single(value, multiplier, shift));
}

/* `value` is the sum with its bias. */
static inline int8_t ksa_requantize(const ksa_requantization* r, int32_t value) {
  value = ksa_scale(value, r->multiplier, r->shift, r->rounding);
  return ksa_clamp(value + r->zero, r->low, r->high);
}

/* `value` is the sum of an output channel with its bias. */
static inline int8_t ksa_requantize_channel(const ksa_conv_params* p, uint32_t channel,
                                            int32_t value) {
  value = ksa_scale(value, p->multiplier[channel], p->shift[channel], p->rounding);
  return ksa_clamp(value + p->output_zero, p->low, p->high);
}

#endif /* KERAS_SHIFTADD_MICRO_REQUANTIZE_H_ */
