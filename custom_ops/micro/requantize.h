/* Sums of 32 bits to int8 (docs/integer_ops.md, "Requantisation"). */
#ifndef KERAS_SHIFTADD_MICRO_REQUANTIZE_H_
#define KERAS_SHIFTADD_MICRO_REQUANTIZE_H_

#include "shiftadd_micro.h"

/* Cores that multiply by calling a function. */
#if defined(__riscv) && !defined(__riscv_mul) && !defined(__riscv_zmmul)
#define KSA_NO_MULTIPLIER 1
#else
#define KSA_NO_MULTIPLIER 0
#endif

static inline int8_t ksa_clamp(int32_t value, int32_t low, int32_t high) {
  if (value < low) value = low;
  if (value > high) value = high;
  return (int8_t)value;
}

/* To 32 bits, with room for a zero point. */
static inline int32_t ksa_narrow(int64_t value) {
  if (value > 0x7fffff00) return 0x7fffff00;
  return value < -0x7fffff00 ? -0x7fffff00 : (int32_t)value;
}

/* floor(value / 2^shift + 1/2), shift in 1..32. */
static inline int32_t ksa_shift_rounded(int32_t value, uint32_t shift) {
  return ((value >> (shift - 1)) + 1) >> 1;
}

/* A multiplication by additions: the multiplier is read in signed digits, the lowest first, and
 * sums are shifted right from one position to the next. That loses nothing, for all that is added
 * later is a multiple of what is shifted out. For shifts from 31 on and values below 2^29. */
typedef struct {
  uint32_t rest; /* of the multiplier, from the present position on */
  uint32_t shift; /* from the present position on */
} ksa_digits;

static inline int ksa_has_digits(int32_t value, int32_t multiplier, uint32_t shift) {
  return value < 0x20000000 && value > -0x20000000 && shift >= 31 && multiplier != INT32_MIN;
}

/* The digit at the present position, -1, 0 or 1, of a positive multiplier. None lies beyond the
 * highest bit: a rest of ones is added bit by bit. */
static inline int32_t ksa_next_digit(ksa_digits* digits) {
  const uint32_t rest = digits->rest;
  if (!(rest & 1)) return 0;
  if (!(rest & 2) || !(rest & (rest + 1))) return 1;
  digits->rest = rest + 1;
  return -1;
}

static inline void ksa_next_position_of(ksa_digits* digits) {
  digits->rest >>= 1;
  --digits->shift;
}

static inline int32_t ksa_scale_by_digits(int32_t value, int32_t multiplier, uint32_t shift) {
  ksa_digits digits;
  int32_t sum = 0;
  digits.rest = (uint32_t)multiplier;
  digits.shift = shift;
  if (multiplier < 0) {
    digits.rest = 0u - digits.rest;
    value = -value;
  }
  while (digits.rest) {
    const int32_t digit = ksa_next_digit(&digits);
    sum >>= 1;
    if (digit > 0) sum += value;
    if (digit < 0) sum -= value;
    ksa_next_position_of(&digits);
  }
  return ksa_shift_rounded(sum, digits.shift + 1);
}

/* floor(value * multiplier / 2^shift + 1/2). */
static inline int32_t ksa_scale_single(int32_t value, int32_t multiplier, uint32_t shift) {
  if (multiplier == (int32_t)1 << 30 && shift > 30) return ksa_shift_rounded(value, shift - 30);
  if (KSA_NO_MULTIPLIER && ksa_has_digits(value, multiplier, shift)) {
    return ksa_scale_by_digits(value, multiplier, shift);
  }
  const int64_t product = (int64_t)value * multiplier;
  if (shift > 32) {
    const int32_t high = (int32_t)(product >> 32);
    return ksa_shift_rounded(high, shift - 32);
  }
  if (!KSA_NO_MULTIPLIER) {
    /* Of a value that can be shifted to the left, the high half of the product is all that counts;
     * DSP cores round it in one instruction. */
    const uint32_t left = 32 - shift;
    const int32_t shifted = (int32_t)((uint32_t)value << left);
    if (shifted >> left == value) {
      return (int32_t)(((int64_t)shifted * multiplier + ((int64_t)1 << 31)) >> 32);
    }
  }
  return ksa_narrow((product + ((int64_t)1 << (shift - 1))) >> shift);
}

/* value / 2^shift, halves away from zero, shift in 0..31. */
static inline int32_t ksa_divide_rounded(int32_t value, uint32_t shift) {
  if (shift == 0) return value;
  const uint32_t remainder = (uint32_t)value & (((uint32_t)1 << shift) - 1);
  const uint32_t half = ((uint32_t)1 << (shift - 1)) + (value < 0);
  return (value >> shift) + (remainder >= half);
}

/* TFLite's: the high half of the doubled product, halves rounded up; then the rest of the shift,
 * halves away from zero. A shift below 31 comes first, as a shift to the left. */
static inline int32_t ksa_scale_double(int32_t value, int32_t multiplier, uint32_t shift) {
  if (shift < 31) {
    value = ksa_narrow((int64_t)value * ((int32_t)1 << (31 - shift)));
    shift = 31;
  }
  return ksa_divide_rounded(ksa_scale_single(value, multiplier, 31), shift - 31);
}

/* round(value * multiplier / 2^shift). */
static inline int32_t ksa_scale(int32_t value, int32_t multiplier, uint32_t shift,
                                uint8_t rounding) {
  return rounding == KSA_DOUBLE_ROUNDING ? ksa_scale_double(value, multiplier, shift)
                                         : ksa_scale_single(value, multiplier, shift);
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
