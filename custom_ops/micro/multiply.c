#include "requantize.h"

void ksa_multiply(const ksa_multiply_params* p, const int8_t* a, const int8_t* b, int8_t* y) {
  uint32_t j = 0;
  for (uint32_t i = 0; i < p->size; ++i) {
    const int32_t product = (a[i] - p->input_zeros[0]) * (b[j] - p->input_zeros[1]);
    y[i] = ksa_requantize(&p->requantization, product);
    if (++j == p->b_size) j = 0;
  }
}
