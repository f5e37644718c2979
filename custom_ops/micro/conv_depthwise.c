/* Products of a byte of the image and one of the weights; the zero points are part of the bias. */
#include <stdint.h>

static inline int32_t ksa_term(int32_t x, uint8_t weight) {
  return x * (int8_t)weight;
}

#include "depthwise_terms.h"

#include "depthwise_conv.h"

size_t ksa_conv_depthwise_scratch_bytes(const ksa_conv_params* params) {
  return ksa_depthwise_scratch_bytes(params);
}

void ksa_conv_depthwise(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                        void* scratch) {
  ksa_depthwise_conv(params, x, y, (uint32_t*)scratch);
}
