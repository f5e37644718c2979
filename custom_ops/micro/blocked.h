/* Convolutions of four pixels and four output channels at a time, in C or in the instructions of a
 * core. Before it includes this, a file defines
 *
 *   typedef ... ksa_element;       what a patch holds for an element of a window and a pixel
 *   KSA_NOTHING                    the element that the window is filled up with
 *   ksa_put, ksa_fill functions    ksa_put_elements and ksa_fill_elements (gather.h)
 *   ksa_block_sums(weights, patch, end, sums)
 *                                  the sums of four channels, four pixels each
 *
 * A patch holds the four pixels of an element, then those of the next one. Packed weights are
 * blocks of four output channels, the last one of a group filled up; in a block, a byte of each of
 * the four channels for one element after the other. The window is filled up to a multiple of four
 * elements. */
#ifndef KERAS_SHIFTADD_MICRO_BLOCKED_H_
#define KERAS_SHIFTADD_MICRO_BLOCKED_H_

#include "gather.h"
#include "requantize_pixels.h"

/* Elements of a window, filled up. */
static uint32_t ksa_filled_window(const ksa_conv_params* p) {
  const uint32_t channels = (uint32_t)(p->in_channels / p->groups);
  return ((uint32_t)p->kernel_rows * p->kernel_columns * channels + 3) & ~(uint32_t)3;
}

static uint32_t ksa_blocked_scratch_bytes(const ksa_conv_params* p) {
  return ksa_filled_window(p) * KSA_PIXELS * (uint32_t)sizeof(ksa_element);
}

static void ksa_blocked_conv(const ksa_conv_params* p, const int8_t* x, int8_t* y,
                             ksa_element* patch) {
  const ksa_gather_plan plan = ksa_plan_gather(p, ksa_put_elements, ksa_fill_elements);
  const uint32_t window = ksa_filled_window(p), stride = p->out_channels;
  const uint32_t filters = p->groups == 1 ? stride : stride / p->groups;
  const ksa_element* const end = patch + window * KSA_PIXELS;
  uint32_t sums[KSA_FILTERS * KSA_PIXELS];
  uint32_t pixels = (uint32_t)p->out_rows * p->out_columns;
  ksa_position first = ksa_first_position(&plan);
  while (pixels) {
    const uint32_t count = pixels < KSA_PIXELS ? pixels : KSA_PIXELS;
    const uint8_t* weights = (const uint8_t*)p->weights;
    const int8_t* group_x = x;
    ksa_position at = first;
    uint32_t channel = 0;
    for (uint32_t g = 0; g < p->groups; ++g, group_x += plan.channels) {
      at = first;
      for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
        ksa_element* rest =
            (ksa_element*)(void*)ksa_gather(&plan, group_x, &at, (uint8_t*)(patch + i));
        for (; rest < end; rest += KSA_PIXELS) *rest = KSA_NOTHING;
        if (i + 1 < count) ksa_next_position(&plan, &at);
      }
      for (uint32_t f = 0; f < filters; f += KSA_FILTERS) {
        ksa_block_sums(weights, patch, end, sums);
        weights += window * KSA_FILTERS;
        for (uint32_t k = 0; k < KSA_FILTERS && f + k < filters; ++k, ++channel) {
          ksa_requantize_pixels(p, channel, sums + KSA_PIXELS * k, count, y + channel);
        }
      }
    }
    ksa_next_position(&plan, &at);
    first = at;
    for (uint32_t i = 0; i < count; ++i) y += stride;
    pixels -= count;
  }
}

#endif /* KERAS_SHIFTADD_MICRO_BLOCKED_H_ */
