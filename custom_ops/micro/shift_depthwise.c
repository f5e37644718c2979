/* Shifts by the exponents of the weights; the zero points are part of the bias. A byte of the
 * weights is the exponent, plus 128 if the weight is negative, or 64 for a weight of 0. */
#include "depthwise.h"

static inline int32_t shifted(int32_t x, uint8_t code) {
  /* Of a negative number, C99 defines no shift to the left. */
  const int32_t value = (int32_t)((uint32_t)x << (code & 7));
  if (code & 64) return 0;
  return code & 128 ? -value : value;
}

static void ksa_sum_taps(const ksa_taps* taps, uint32_t channel, const uint8_t* weights,
                         int32_t* sums) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  const uint32_t* const end = taps->list + taps->count;
  for (const uint32_t* entry = taps->list; entry != end; ++entry, weights += KSA_CHANNELS) {
    const int8_t* x = KSA_TAP(taps, *entry) + channel;
    a += shifted(x[0], weights[0]);
    b += shifted(x[1], weights[1]);
    c += shifted(x[2], weights[2]);
    d += shifted(x[3], weights[3]);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

#include "depthwise_conv.h"

size_t ksa_shift_depthwise_scratch_bytes(const ksa_conv_params* params) {
  return ksa_depthwise_scratch_bytes(params);
}

void ksa_shift_depthwise(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                         void* scratch) {
  ksa_depthwise_conv(params, x, y, (uint32_t*)scratch);
}
