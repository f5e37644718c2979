/* The loops of matmul.c and adder_matmul.c, which define KSA_MATMUL and KSA_STEP: what the elements
 * of a row and a column add to their sum. */
#include "requantize.h"

void KSA_MATMUL(const ksa_matmul_params* p, const int8_t* a, const int8_t* b, int8_t* y) {
  const uint32_t b_column = p->transpose ? p->depth : 1;
  const uint32_t b_step = p->transpose ? 1 : p->columns;
  const int32_t a_zero = p->input_zeros[0], b_zero = p->input_zeros[1];
  for (uint32_t matrix = 0; matrix < p->matrices; ++matrix) {
    for (uint32_t row = 0; row < p->rows; ++row) {
      for (uint32_t column = 0; column < p->columns; ++column) {
        const int8_t* element = b + column * b_column;
        int32_t sum = 0;
        for (uint32_t k = 0; k < p->depth; ++k, element += b_step) {
          sum += KSA_STEP(a[k] - a_zero, *element - b_zero);
        }
        *y++ = ksa_requantize(&p->requantization, sum);
      }
      a += p->depth;
    }
    b += (uint32_t)p->depth * p->columns;
  }
}
