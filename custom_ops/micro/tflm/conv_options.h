/* The options of the custom convolutions in a .tflite file (docs/tflite_custom_ops.md), read where
 * they lie: no heap, no alignment, any bytes. */
#ifndef KERAS_SHIFTADD_MICRO_TFLM_CONV_OPTIONS_H_
#define KERAS_SHIFTADD_MICRO_TFLM_CONV_OPTIONS_H_

#include <stddef.h>
#include <stdint.h>

#include "../shiftadd_micro.h"

#ifdef __cplusplus
extern "C" {
#endif

#define KSA_OPTIONS_VERSION 1
#define KSA_OPTIONS_BYTES 48
#define KSA_LARGEST_WINDOW (1u << 22) /* elements of a filter */

enum { KSA_OPTIONS_CONV = 0, KSA_OPTIONS_ADDER = 1, KSA_OPTIONS_SHIFT = 2 };

typedef struct {
  uint8_t operation;   /* KSA_OPTIONS_... */
  uint16_t pad_bottom; /* behind the last row and column */
  uint16_t pad_right;
  ksa_conv_params params; /* pointers are null */
} ksa_conv_options;

static inline uint16_t ksa_options_size(const uint8_t* bytes, int index) {
  const uint8_t* at = bytes + 12 + 2 * index;
  return (uint16_t)(at[0] | (uint16_t)at[1] << 8);
}

/* Windows of one axis: whether `out` of them, and no fewer, fit into the padded input. */
static inline int ksa_options_fit(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride,
                                  uint32_t dilation, uint32_t before, uint32_t behind) {
  if (in == 0 || out == 0 || kernel == 0 || stride == 0 || dilation == 0) return 0;
  /* Sizes have 16 bits: products of two keep within 32, and sums are taken in 64. */
  const uint64_t padded = (uint64_t)in + before + behind;
  const uint64_t extent = (uint64_t)(kernel - 1) * dilation + 1;
  const uint64_t last = (uint64_t)(out - 1) * stride + extent;
  return last <= padded && padded - last < stride;
}

/* Elements of a filter. */
static inline uint64_t ksa_conv_window(const ksa_conv_options* o) {
  return (uint64_t)o->params.kernel_rows * o->params.kernel_columns *
         (uint64_t)(o->params.in_channels / o->params.groups);
}

static inline uint64_t ksa_conv_input_bytes(const ksa_conv_options* o) {
  return (uint64_t)o->params.in_rows * o->params.in_columns * o->params.in_channels;
}

static inline uint64_t ksa_conv_output_bytes(const ksa_conv_options* o) {
  return (uint64_t)o->params.out_rows * o->params.out_columns * o->params.out_channels;
}

/* 4-bit codes for shift, bytes for the others. */
static inline uint64_t ksa_conv_weight_bytes(const ksa_conv_options* o) {
  const uint64_t window = ksa_conv_window(o);
  const uint64_t filter = o->operation == KSA_OPTIONS_SHIFT ? (window + 1) / 2 : window;
  return filter * o->params.out_channels;
}

/* Reads the options. Returns 1, or 0 where the bytes are no options of this version or the sizes
 * do not fit each other; then nothing in `options` is of use. With options that were read,
 * kernels stay inside of tensors that have the bytes of ksa_conv_input_bytes and its like. */
static inline int ksa_read_conv_options(const uint8_t* bytes, size_t size,
                                        ksa_conv_options* options) {
  if (bytes == NULL || size != KSA_OPTIONS_BYTES) return 0;
  if (bytes[0] != 'K' || bytes[1] != 'S' || bytes[2] != 'A' || bytes[3] != 'C') return 0;
  if (bytes[4] != KSA_OPTIONS_VERSION || bytes[5] > KSA_OPTIONS_SHIFT || bytes[7] > 1) return 0;
  if (bytes[6] != (bytes[5] == KSA_OPTIONS_SHIFT)) return 0;
  ksa_conv_params* p = &options->params;
  options->operation = bytes[5];
  p->rounding = bytes[7];
  p->input_zero = (int8_t)bytes[8];
  p->output_zero = (int8_t)bytes[9];
  p->low = (int8_t)bytes[10];
  p->high = (int8_t)bytes[11];
  p->in_rows = ksa_options_size(bytes, 0);
  p->in_columns = ksa_options_size(bytes, 1);
  p->in_channels = ksa_options_size(bytes, 2);
  p->out_rows = ksa_options_size(bytes, 3);
  p->out_columns = ksa_options_size(bytes, 4);
  p->out_channels = ksa_options_size(bytes, 5);
  p->kernel_rows = ksa_options_size(bytes, 6);
  p->kernel_columns = ksa_options_size(bytes, 7);
  p->stride_rows = ksa_options_size(bytes, 8);
  p->stride_columns = ksa_options_size(bytes, 9);
  p->dilation_rows = ksa_options_size(bytes, 10);
  p->dilation_columns = ksa_options_size(bytes, 11);
  p->pad_rows = ksa_options_size(bytes, 12);
  options->pad_bottom = ksa_options_size(bytes, 13);
  p->pad_columns = ksa_options_size(bytes, 14);
  options->pad_right = ksa_options_size(bytes, 15);
  p->groups = ksa_options_size(bytes, 16);
  p->weights = NULL;
  p->bias = NULL;
  p->multiplier = NULL;
  p->shift = NULL;
  if (ksa_options_size(bytes, 17) != 0) return 0;
  if (p->low > p->high || p->groups == 0 || p->in_channels == 0 || p->out_channels == 0) return 0;
  if (p->in_channels % p->groups != 0 || p->out_channels % p->groups != 0) return 0;
  if (ksa_conv_window(options) >= KSA_LARGEST_WINDOW ||
      ksa_conv_input_bytes(options) > INT32_MAX || ksa_conv_output_bytes(options) > INT32_MAX) {
    return 0;
  }
  return ksa_options_fit(p->in_rows, p->out_rows, p->kernel_rows, p->stride_rows,
                         p->dilation_rows, p->pad_rows, options->pad_bottom) &&
         ksa_options_fit(p->in_columns, p->out_columns, p->kernel_columns, p->stride_columns,
                         p->dilation_columns, p->pad_columns, options->pad_right);
}

/* The sum of the magnitudes of the weights of a filter, which are not those of an adder. */
static inline uint64_t ksa_conv_magnitude(const ksa_conv_options* o, const uint8_t* filter) {
  const uint32_t window = (uint32_t)ksa_conv_window(o);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < window; ++i) {
    if (o->operation == KSA_OPTIONS_SHIFT) {
      const uint32_t code = (uint32_t)(filter[i >> 1] >> ((i & 1) * 4)) & 15;
      if (code != 0) sum += (uint64_t)1 << ((code - 1) & 7);
    } else {
      const int32_t w = (int8_t)filter[i];
      sum += (uint64_t)(w < 0 ? -w : w);
    }
  }
  return sum;
}

/* Whether the arrays of the output channels are in the ranges of docs/integer_ops.md, so that no
 * sum leaves 32 bits. Reads all weights once. */
static inline int ksa_conv_channels_fit(const ksa_conv_options* o) {
  const ksa_conv_params* p = &o->params;
  const uint64_t filter_bytes = ksa_conv_weight_bytes(o) / p->out_channels;
  const uint8_t* filter = (const uint8_t*)p->weights;
  for (uint32_t f = 0; f < p->out_channels; ++f, filter += filter_bytes) {
    const int32_t bias = p->bias[f];
    if (p->shift[f] < 1 || p->shift[f] > 62) return 0;
    if (p->rounding == KSA_DOUBLE_ROUNDING && p->multiplier[f] < 0) return 0;
    if (bias <= -0x40000000 || bias >= 0x40000000) return 0;
    if (o->operation != KSA_OPTIONS_ADDER) {
      const uint64_t magnitude = (uint64_t)(bias < 0 ? -bias : bias);
      if (255 * ksa_conv_magnitude(o, filter) + magnitude > INT32_MAX) return 0;
    }
  }
  return 1;
}

static inline ksa_conv_function ksa_portable_conv(const ksa_conv_options* o) {
  if (o->operation == KSA_OPTIONS_ADDER) return ksa_adder_conv;
  return o->operation == KSA_OPTIONS_SHIFT ? ksa_shift_conv : ksa_conv;
}

#ifdef __cplusplus
}
#endif
#endif /* KERAS_SHIFTADD_MICRO_TFLM_CONV_OPTIONS_H_ */
