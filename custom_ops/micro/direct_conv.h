/* The portable convolutions: a sum for each output, straight from the image. A file includes this
 * once and hands its operator to ksa_direct_conv as a constant, so that the compiler keeps one
 * case. Pointers move by additions, for cores without a multiplier. */
#ifndef KERAS_SHIFTADD_MICRO_DIRECT_CONV_H_
#define KERAS_SHIFTADD_MICRO_DIRECT_CONV_H_

#include "requantize.h"

typedef enum { KSA_CONV, KSA_ADDER_CONV, KSA_SHIFT_CONV } ksa_operator;

/* What an element of the window adds to the sum. `x` is without its zero point but for adders. */
static inline int32_t ksa_step(ksa_operator op, int32_t x, const uint8_t* weights,
                               uint32_t index) {
  if (op == KSA_SHIFT_CONV) {
    const uint32_t code = (uint32_t)(weights[index >> 1] >> ((index & 1) * 4)) & 15;
    if (code == 0) return 0;
    /* Of a negative number, C99 defines no shift to the left. */
    const int32_t shifted = (int32_t)((uint32_t)x << ((code - 1) & 7));
    return code > 8 ? -shifted : shifted;
  }
  const int32_t w = (int8_t)weights[index];
  if (op == KSA_CONV) return x * w;
  return x < w ? x - w : w - x;
}

static inline void ksa_direct_conv(ksa_operator op, const ksa_conv_params* p, const int8_t* x,
                                   int8_t* y) {
  const uint32_t channels = (uint32_t)(p->in_channels / p->groups);
  const uint32_t filters = (uint32_t)(p->out_channels / p->groups);
  const uint32_t window = (uint32_t)p->kernel_rows * p->kernel_columns * channels;
  const uint32_t filter_bytes = op == KSA_SHIFT_CONV ? (window + 1) / 2 : window;
  const int32_t zero = p->input_zero;
  int32_t top = -(int32_t)p->pad_rows;
  for (uint32_t i = 0; i < p->out_rows; ++i, top += p->stride_rows) {
    int32_t left = -(int32_t)p->pad_columns;
    for (uint32_t j = 0; j < p->out_columns; ++j, left += p->stride_columns) {
      const uint8_t* weights = (const uint8_t*)p->weights;
      uint32_t first = 0, filter = 0;
      for (uint32_t f = 0; f < p->out_channels; ++f, weights += filter_bytes) {
        int32_t sum = p->bias[f];
        uint32_t index = 0;
        int32_t row = top;
        for (uint32_t r = 0; r < p->kernel_rows; ++r, row += p->dilation_rows) {
          int32_t column = left;
          for (uint32_t k = 0; k < p->kernel_columns; ++k, column += p->dilation_columns) {
            if (row < 0 || row >= p->in_rows || column < 0 || column >= p->in_columns) {
              if (op == KSA_ADDER_CONV) {
                for (uint32_t c = 0; c < channels; ++c) {
                  sum += ksa_step(op, zero, weights, index + c);
                }
              }
              index += channels;
              continue;
            }
            const int8_t* pixel =
                x + ((uint32_t)row * p->in_columns + (uint32_t)column) * p->in_channels + first;
            for (uint32_t c = 0; c < channels; ++c, ++index) {
              sum += ksa_step(op, op == KSA_ADDER_CONV ? pixel[c] : pixel[c] - zero, weights, index);
            }
          }
        }
        *y++ = ksa_requantize_channel(p, f, sum);
        if (++filter == filters) {
          filter = 0;
          first += channels;
        }
      }
    }
  }
}

#endif /* KERAS_SHIFTADD_MICRO_DIRECT_CONV_H_ */
