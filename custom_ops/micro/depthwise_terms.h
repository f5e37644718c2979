/* Sums of the terms of single elements, for depthwise_conv.h. A file defines before it includes
 * this one what an element and its weight add:
 *
 *   static inline int32_t ksa_term(int32_t x, uint8_t weight); */
#ifndef KERAS_SHIFTADD_MICRO_DEPTHWISE_TERMS_H_
#define KERAS_SHIFTADD_MICRO_DEPTHWISE_TERMS_H_

#include "depthwise.h"

static void ksa_sum_taps(const ksa_taps* taps, uint32_t channel, const uint8_t* weights,
                         int32_t* sums) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  const uint32_t* const end = taps->list + taps->count;
  for (const uint32_t* entry = taps->list; entry != end; ++entry, weights += KSA_CHANNELS) {
    const int8_t* x = KSA_TAP(taps, *entry) + channel;
    a += ksa_term(x[0], weights[0]);
    b += ksa_term(x[1], weights[1]);
    c += ksa_term(x[2], weights[2]);
    d += ksa_term(x[3], weights[3]);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#endif /* KERAS_SHIFTADD_MICRO_DEPTHWISE_TERMS_H_ */
