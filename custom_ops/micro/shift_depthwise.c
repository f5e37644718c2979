/* Shifts by the exponents of the weights; the zero points are part of the bias. A byte of the
 * weights is the exponent, plus 128 if the weight is negative, or 64 for a weight of 0. */
#include <stdint.h>

static inline int32_t ksa_term(int32_t x, uint8_t code) {
  /* Of a negative number, C99 defines no shift to the left. */
  const int32_t value = (int32_t)((uint32_t)x << (code & 7));
  if (code & 64) return 0;
  return code & 128 ? -value : value;
}

#include "depthwise_terms.h"

#include "depthwise_conv.h"

size_t ksa_shift_depthwise_scratch_bytes(const ksa_conv_params* params) {
  return ksa_depthwise_scratch_bytes(params);
}

void ksa_shift_depthwise(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                         void* scratch) {
  ksa_depthwise_conv(params, x, y, (uint32_t*)scratch);
}
