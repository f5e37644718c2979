#include <string.h>

#include "shiftadd_micro.h"

void ksa_transpose(const ksa_transpose_params* p, const int8_t* x, int8_t* y) {
  const uint32_t row = (uint32_t)p->columns * p->channels;
  for (uint32_t j = 0; j < p->columns; ++j) {
    const int8_t* from = x + j * p->channels;
    for (uint32_t i = 0; i < p->rows; ++i) {
      memcpy(y, from, p->channels);
      y += p->channels;
      from += row;
    }
  }
}
