#include "requantize.h"

/* Unsigned bytes have products of the fewest steps on cores without a multiplier. */
#define BIAS (KSA_NO_MULTIPLIER ? 128 : 0)

static int32_t scale_input(const ksa_add_params* p, uint32_t input, int8_t x) {
  const int32_t shifted =
      (int32_t)((uint32_t)(x - p->input_zeros[input]) << p->left_shift);
  return ksa_scale(shifted, p->input_multipliers[input], p->input_shifts[input],
                   p->requantization.rounding);
}

/* Whether operands are multiplied without a rounding, and sums are shifted; by two places at least,
 * so that there is room for the zero point. */
static int is_exact(const ksa_add_params* p) {
  const ksa_requantization* r = &p->requantization;
  return r->rounding == KSA_SINGLE_ROUNDING && r->multiplier == 1 && r->shift >= 2 &&
         r->shift <= 31 && p->input_shifts[0] == p->left_shift &&
         p->input_shifts[1] == p->left_shift;
}

/* The product of x + BIAS, modulo 2^32. */
static inline uint32_t product(int8_t x, uint32_t multiplier) {
  uint32_t biased = (uint32_t)(x + BIAS);
#if KSA_NO_MULTIPLIER
  uint32_t sum = 0;
  for (; biased; biased >>= 1, multiplier <<= 1) {
    if (biased & 1) sum += multiplier;
  }
  return sum;
#else
  return biased * multiplier;
#endif
}

/* Only the sum has to keep within 32 bits; its parts may wrap around. */
static void add_exact(const ksa_add_params* p, const int8_t* a, const int8_t* b, int8_t* y) {
  const ksa_requantization* r = &p->requantization;
  const uint32_t first = (uint32_t)p->input_multipliers[0];
  uint32_t second = (uint32_t)p->input_multipliers[1];
  if (p->subtract) second = 0u - second;
  const uint32_t zeros = product(p->input_zeros[0], first) + product(p->input_zeros[1], second);
  /* Behind the point is a bit that rounds. */
  const uint32_t shift = r->shift - 1u;
  const int32_t zero = 2 * r->zero + 1, low = r->low, high = r->high;
  const uint32_t size = p->size;
  for (uint32_t i = 0; i < size; ++i) {
    const uint32_t sum = product(a[i], first) + product(b[i], second) - zeros;
    y[i] = ksa_clamp((((int32_t)sum >> shift) + zero) >> 1, low, high);
  }
}

void ksa_add(const ksa_add_params* p, const int8_t* a, const int8_t* b, int8_t* y) {
  if (is_exact(p)) {
    add_exact(p, a, b, y);
    return;
  }
  for (uint32_t i = 0; i < p->size; ++i) {
    const int32_t first = scale_input(p, 0, a[i]);
    const int32_t second = scale_input(p, 1, b[i]);
    y[i] = ksa_requantize(&p->requantization, p->subtract ? first - second : first + second);
  }
}
