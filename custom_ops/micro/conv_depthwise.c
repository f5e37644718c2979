/* Products of a byte of the image and one of the weights; the zero points are part of the bias. */
#include "depthwise.h"

static void ksa_sum_taps(const ksa_taps* taps, uint32_t channel, const uint8_t* weights,
                         int32_t* sums) {
  const int8_t* w = (const int8_t*)weights;
  int32_t a = 0, b = 0, c = 0, d = 0;
  const uint32_t* const end = taps->list + taps->count;
  for (const uint32_t* entry = taps->list; entry != end; ++entry, w += KSA_CHANNELS) {
    const int8_t* x = KSA_TAP(taps, *entry) + channel;
    a += x[0] * w[0];
    b += x[1] * w[1];
    c += x[2] * w[2];
    d += x[3] * w[3];
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#include "depthwise_conv.h"

size_t ksa_conv_depthwise_scratch_bytes(const ksa_conv_params* params) {
  return ksa_depthwise_scratch_bytes(params);
}

void ksa_conv_depthwise(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                        void* scratch) {
  ksa_depthwise_conv(params, x, y, (uint32_t*)scratch);
}
