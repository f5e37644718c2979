#define KSA_PIXELS 2
#include "grouped.h"

size_t ksa_shift_conv_grouped_2_scratch_bytes(const ksa_conv_params* params) {
  return ksa_grouped_scratch_bytes(params);
}

void ksa_shift_conv_grouped_2(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                              void* scratch) {
  ksa_grouped_conv(params, x, y, (uint32_t*)scratch);
}
