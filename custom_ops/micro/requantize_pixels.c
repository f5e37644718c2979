#include "requantize_pixels.h"

#include "requantize.h"

/* Every case has its own loop: what a layer has one of decides once, not for each pixel. */

static void store_shifted(const ksa_conv_params* p, int32_t bias, uint32_t shift,
                          const uint32_t* sums, uint32_t count, int8_t* y) {
  const uint32_t stride = p->out_channels;
  const int32_t zero = 2 * p->output_zero + 1, low = p->low, high = p->high;
  const uint32_t* const end = sums + count;
  do {
    const int32_t value = (int32_t)(*sums + (uint32_t)bias);
    *y = ksa_clamp(((value >> (shift - 1)) + zero) >> 1, low, high);
    y += stride;
  } while (++sums != end);
}

#if KSA_NO_MULTIPLIER

/* Four at a time, which share the reading of the digits. */
static void scale_four(int32_t* values, int32_t multiplier, uint32_t shift) {
  int32_t a = values[0], b = values[1], c = values[2], d = values[3];
  int32_t sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
  ksa_digits digits;
  digits.rest = (uint32_t)multiplier;
  digits.shift = shift;
  if (multiplier < 0) {
    digits.rest = 0u - digits.rest;
    a = -a;
    b = -b;
    c = -c;
    d = -d;
  }
  while (digits.rest) {
    uint32_t zeros = 1;
    const int32_t digit = ksa_next_digit(&digits);
    if (digit > 0) {
      sum_a += a;
      sum_b += b;
      sum_c += c;
      sum_d += d;
    } else if (digit < 0) {
      sum_a -= a;
      sum_b -= b;
      sum_c -= c;
      sum_d -= d;
    }
    ksa_next_position_of(&digits);
    if (!digits.rest) break;
    for (; !(digits.rest & 1); ++zeros) ksa_next_position_of(&digits);
    sum_a >>= zeros;
    sum_b >>= zeros;
    sum_c >>= zeros;
    sum_d >>= zeros;
  }
  values[0] = ksa_shift_rounded(sum_a, digits.shift + 1);
  values[1] = ksa_shift_rounded(sum_b, digits.shift + 1);
  values[2] = ksa_shift_rounded(sum_c, digits.shift + 1);
  values[3] = ksa_shift_rounded(sum_d, digits.shift + 1);
}

/* Returns how many of the pixels it has done. */
static uint32_t store_by_digits(const ksa_conv_params* p, uint32_t channel, const uint32_t* sums,
                                uint32_t count, int8_t* y) {
  const uint32_t stride = p->out_channels, bias = (uint32_t)p->bias[channel];
  const uint32_t shift = p->shift[channel];
  const int double_rounding = p->rounding == KSA_DOUBLE_ROUNDING;
  uint32_t done = 0;
  for (; done + 4 <= count; done += 4) {
    int32_t values[4];
    for (uint32_t i = 0; i < 4; ++i) {
      values[i] = (int32_t)(sums[done + i] + bias);
      if (!ksa_has_digits(values[i], p->multiplier[channel], shift)) return done;
    }
    scale_four(values, p->multiplier[channel], double_rounding ? 31 : shift);
    for (uint32_t i = 0; i < 4; ++i, y += stride) {
      const int32_t value =
          double_rounding ? ksa_divide_rounded(values[i], shift - 31) : values[i];
      *y = ksa_clamp(value + p->output_zero, p->low, p->high);
    }
  }
  return done;
}

#endif

void ksa_requantize_pixels(const ksa_conv_params* p, uint32_t channel, const uint32_t* sums,
                           uint32_t count, int8_t* y) {
  const int32_t bias = p->bias[channel], multiplier = p->multiplier[channel];
  const uint32_t shift = p->shift[channel];
  uint32_t i = 0;
  if (p->rounding == KSA_SINGLE_ROUNDING && multiplier == (int32_t)1 << 30 && shift > 30) {
    store_shifted(p, bias, shift - 30, sums, count, y);
    return;
  }
#if KSA_NO_MULTIPLIER
  i = store_by_digits(p, channel, sums, count, y);
  for (uint32_t done = 0; done < i; ++done) y += p->out_channels;
#endif
  for (; i < count; ++i, y += p->out_channels) {
    *y = ksa_requantize_channel(p, channel, (int32_t)(sums[i] + (uint32_t)bias));
  }
}
