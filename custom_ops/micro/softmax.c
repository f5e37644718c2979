/* The fixed-point softmax of docs/integer_ops.md, the one of TFLite: exponentials with 31 bits
 * behind the point, the reciprocal of their sum by Newton's method. */
#include "requantize.h"

/* Product of two numbers with 31 bits behind the point, halves rounded up. Only -1 times -1 does
 * not fit, and it becomes the largest number. */
static int32_t product(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return (int32_t)(((int64_t)a * b + ((int32_t)1 << 30)) >> 31);
}

/* a * 2^bits, held within 32 bits. */
static int32_t widen(int32_t a, uint32_t bits) {
  const int32_t limit = INT32_MAX >> bits;
  if (a > limit) return INT32_MAX;
  return a < -limit - 1 ? INT32_MIN : (int32_t)((uint32_t)a << bits);
}

/* exp of a number from -1/4 to 0, 31 bits behind the point in and out: Taylor's series of degree
 * four around -1/8. */
static int32_t exp_of_quarter(int32_t a) {
  const int32_t exp_of_eighth = 1895147668; /* exp(-1/8) */
  const int32_t third = 715827883;
  const int32_t x = a + ((int32_t)1 << 28);
  const int32_t x2 = product(x, x);
  const int32_t x3 = product(x2, x);
  const int32_t x4_4 = ksa_divide_rounded(product(x2, x2), 2);
  const int32_t rest = ksa_divide_rounded(product(x4_4 + x3, third) + x2, 1);
  return exp_of_eighth + product(exp_of_eighth, x + rest);
}

/* exp of a number not above 0 with 26 bits behind the point, to 31 bits behind the point. */
static int32_t exponential(int32_t a) {
  static const int32_t exp_of_powers[] = {
      1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242,
  }; /* exp(-2^i), i from -2 on */
  if (a == 0) return INT32_MAX;
  const int32_t quarter = (int32_t)1 << 24;
  const int32_t fraction = (a & (quarter - 1)) - quarter; /* -1/4 <= fraction < 0 */
  const uint32_t remainder = (uint32_t)(fraction - a);    /* a multiple of 1/4 */
  int32_t result = exp_of_quarter(fraction * 32);
  for (uint32_t i = 0; i < 7; ++i) {
    if (remainder >> (24 + i) & 1) result = product(result, exp_of_powers[i]);
  }
  return result;
}

/* 1 / (1 + a) for a from 0 to 1, 31 bits behind the point in and out. */
static int32_t reciprocal(int32_t a) {
  const int32_t half = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2); /* (1 + a) / 2 */
  /* 48/17 - 32/17 half, then three steps of Newton, with 29 bits behind the point. */
  int32_t x = 1515870810 + product(half, -1010580540);
  for (int i = 0; i < 3; ++i) {
    const int32_t error = ((int32_t)1 << 29) - product(half, x);
    x += widen(product(x, error), 2);
  }
  return widen(x, 1);
}

static int32_t scaled(const ksa_softmax_params* p, int32_t difference) {
  return product((int32_t)((uint32_t)difference << p->left_shift), p->multiplier);
}

void ksa_softmax(const ksa_softmax_params* p, const int8_t* x, int8_t* y) {
  for (uint32_t row = 0; row < p->rows; ++row, x += p->size, y += p->size) {
    int32_t most = x[0];
    for (uint32_t i = 1; i < p->size; ++i) {
      if (x[i] > most) most = x[i];
    }
    int32_t sum = 0; /* 19 bits behind the point */
    for (uint32_t i = 0; i < p->size; ++i) {
      const int32_t difference = x[i] - most;
      if (difference >= p->least_difference) {
        sum += ksa_divide_rounded(exponential(scaled(p, difference)), 12);
      }
    }
    uint32_t headroom = 0;
    while (!((uint32_t)sum << headroom & 0x80000000u)) ++headroom;
    const int32_t scale = reciprocal((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    const uint32_t shift = 12 - headroom + 31 - 8;
    for (uint32_t i = 0; i < p->size; ++i) {
      const int32_t difference = x[i] - most;
      int32_t value = -128;
      if (difference >= p->least_difference) {
        const int32_t share = product(scale, exponential(scaled(p, difference)));
        if (shift < 32) value += ksa_divide_rounded(share, shift); /* else less than a half */
      }
      y[i] = ksa_clamp(value, -128, 127);
    }
  }
}
