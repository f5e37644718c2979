#include "requantize.h"

static int32_t scale_input(const ksa_add_params* p, uint32_t input, int8_t x) {
  const int32_t shifted =
      (int32_t)((uint32_t)(x - p->input_zeros[input]) << p->left_shift);
  return ksa_scale(shifted, p->input_multipliers[input], p->input_shifts[input],
                   p->requantization.rounding);
}

void ksa_add(const ksa_add_params* p, const int8_t* a, const int8_t* b, int8_t* y) {
  for (uint32_t i = 0; i < p->size; ++i) {
    const int32_t first = scale_input(p, 0, a[i]);
    const int32_t second = scale_input(p, 1, b[i]);
    y[i] = ksa_requantize(&p->requantization, p->subtract ? first - second : first + second);
  }
}
