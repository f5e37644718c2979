#include "direct_conv.h"

void ksa_conv(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch) {
  (void)scratch;
  ksa_direct_conv(KSA_CONV, params, x, y);
}
