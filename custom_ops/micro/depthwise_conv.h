/* The loops of depthwise.h. */
#ifndef KERAS_SHIFTADD_MICRO_DEPTHWISE_CONV_H_
#define KERAS_SHIFTADD_MICRO_DEPTHWISE_CONV_H_

#include "depthwise.h"
#include "fast_requantize.h"

static void ksa_depthwise_conv(const ksa_conv_params* p, const int8_t* x, int8_t* y,
                               uint32_t* list) {
  const ksa_gather_plan plan = ksa_plan_gather(p, NULL, NULL);
  const uint32_t channels = p->in_channels;
  uint32_t pixels = (uint32_t)p->out_rows * p->out_columns;
  ksa_position at = ksa_first_position(&plan);
  ksa_taps taps;
  taps.list = list;
  taps.count = (uint32_t)p->kernel_rows * p->kernel_columns;
  taps.x = x;
  taps.outside = (int8_t*)(list + taps.count);
  memset(list + taps.count, p->input_zero, channels);
  for (; pixels; --pixels, y += channels) {
    const uint8_t* weights = (const uint8_t*)p->weights;
    ksa_list_taps(&plan, x, taps.outside, &at, list);
    for (uint32_t c = 0; c < channels; c += KSA_CHANNELS) {
      int32_t sums[KSA_CHANNELS];
      if (c + KSA_CHANNELS > channels) c = channels - KSA_CHANNELS;
      ksa_sum_taps(&taps, c, weights, sums);
      weights += taps.count * KSA_CHANNELS;
      if (p->shift) {
        for (uint32_t i = 0; i < KSA_CHANNELS; ++i) {
          y[c + i] = ksa_requantize_channel(p, c + i, sums[i] + p->bias[c + i]);
        }
      } else {
        for (uint32_t i = 0; i < KSA_CHANNELS; ++i) {
          y[c + i] = ksa_requantize_fast(p, sums[i] + p->bias[c + i], p->multiplier[c + i]);
        }
      }
    }
    if (!p->shift) ksa_clamp_bytes(y, channels, p->low, p->high);
    ksa_next_position(&plan, &at);
  }
}

#endif /* KERAS_SHIFTADD_MICRO_DEPTHWISE_CONV_H_ */
