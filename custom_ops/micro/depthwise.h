/* Depthwise convolutions with one output channel for each channel of the image, four channels at a
 * time and without copying the image: for each pixel there is a list of where the taps of its
 * window lie; a row of zero points stands for all that lie outside.
 *
 * A file defines, before it includes depthwise_conv.h, how four channels are added up over taps:
 *
 *   static void ksa_sum_taps(const ksa_taps* taps, uint32_t channel, const uint8_t* weights,
 *                            int32_t* sums);
 *
 * where `channel` is the first of them and `weights` holds a byte of each for one tap after the
 * other. Packed weights are such blocks. Where channels do not divide by four, the last block
 * begins before the end of the one before, and computes some channels again.
 *
 * The scratch memory holds the list, 4 bytes a tap, then the zero points, rounded up to words. */
#ifndef KERAS_SHIFTADD_MICRO_DEPTHWISE_H_
#define KERAS_SHIFTADD_MICRO_DEPTHWISE_H_

#include <string.h>

#include "gather.h"
#include "requantize.h"

#define KSA_CHANNELS 4

typedef struct {
  const uint32_t* list;
  uint32_t count;
  const int8_t* x;
  const int8_t* outside;
} ksa_taps;

/* Entries of the list are addresses; where those take more than 32 bits, offsets in the image, and
 * a number beyond all of them for what lies outside. */
#if UINTPTR_MAX == 0xffffffff
#define KSA_INSIDE(x, offset) ((uint32_t)(uintptr_t)((x) + (offset)))
#define KSA_OUTSIDE(outside) ((uint32_t)(uintptr_t)(outside))
#define KSA_TAP(taps, entry) ((const int8_t*)(uintptr_t)(entry))
#else
#define KSA_INSIDE(x, offset) ((uint32_t)(offset))
#define KSA_OUTSIDE(outside) 0xffffffffu
#define KSA_TAP(taps, entry) ((entry) == 0xffffffffu ? (taps)->outside : (taps)->x + (entry))
#endif

static uint32_t ksa_depthwise_scratch_bytes(const ksa_conv_params* p) {
  return (uint32_t)p->kernel_rows * p->kernel_columns * 4 + ((p->in_channels + 3u) & ~3u);
}

/* The list of a pixel. */
static void ksa_list_taps(const ksa_gather_plan* plan, const int8_t* x, const int8_t* outside,
                          const ksa_position* at, uint32_t* list) {
  const ksa_conv_params* p = plan->params;
  int32_t top = at->top, line = at->offset;
  (void)x;
  (void)outside;
  for (uint32_t r = p->kernel_rows; r; --r) {
    const int inside = top >= 0 && top < p->in_rows;
    int32_t left = at->left, offset = line;
    for (uint32_t k = p->kernel_columns; k; --k) {
      *list++ = inside && left >= 0 && left < p->in_columns ? KSA_INSIDE(x, offset)
                                                            : KSA_OUTSIDE(outside);
      left += p->dilation_columns;
      offset += plan->next_tap;
    }
    top += p->dilation_rows;
    line += plan->next_tap_row;
  }
}

#endif /* KERAS_SHIFTADD_MICRO_DEPTHWISE_H_ */
