#include <string.h>

#include "shiftadd_micro.h"

void ksa_repeat(const ksa_repeat_params* p, const int8_t* x, int8_t* y) {
  for (uint32_t i = 0; i < p->positions; ++i) {
    memset(y, x[i], p->channels);
    y += p->channels;
  }
}
