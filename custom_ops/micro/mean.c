#include "requantize.h"

void ksa_mean(const ksa_mean_params* p, const int8_t* x, int8_t* y) {
  for (uint32_t c = 0; c < p->channels; ++c) {
    const int8_t* element = x + c;
    int32_t sum = 0;
    for (uint32_t i = 0; i < p->positions; ++i, element += p->channels) {
      sum += *element - p->input_zero;
    }
    y[c] = ksa_requantize(&p->requantization, sum);
  }
}
