/* The part of a pooling window that lies in the image. */
#ifndef KERAS_SHIFTADD_MICRO_POOL_H_
#define KERAS_SHIFTADD_MICRO_POOL_H_

#include "requantize.h"

/* First and end of the positions of one axis that window number `index` covers. */
typedef struct {
  uint32_t first, end;
} ksa_span;

static inline ksa_span ksa_window_span(uint32_t index, uint32_t stride, uint32_t window,
                                       uint32_t pad, uint32_t size) {
  const uint32_t start = index * stride; /* in the padded image */
  ksa_span span;
  span.first = start > pad ? start - pad : 0;
  span.end = start + window > pad ? start + window - pad : 0;
  if (span.end > size) span.end = size;
  return span;
}

#endif /* KERAS_SHIFTADD_MICRO_POOL_H_ */
