/* Int8 kernels of keras_shiftadd for microcontrollers: plain C99, no heap, no library but
 * memcpy and memset, no division of 64 bits. The equations are those of docs/integer_ops.md; every kernel
 * of an operator gives the same bits.
 *
 * Layout, everywhere: one sample, channels last, (rows, columns, channels); a sequence is an image
 * of one row, a vector one of one pixel. Tensors need no alignment. Sizes are at least 1.
 *
 * Functions cannot fail: parameters are made by a generator, which has checked them. Parameters,
 * weights and tables are constants and may lie in flash; the caller owns the scratch memory,
 * which is aligned to 4 bytes and holds nothing between calls. Where a function has a
 * `..._scratch_bytes`, the Python side of the generator computes the same number; the others
 * take none. Tensors must not overlap, but for functions that say so.
 */
#ifndef KERAS_SHIFTADD_MICRO_SHIFTADD_MICRO_H_
#define KERAS_SHIFTADD_MICRO_SHIFTADD_MICRO_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of a struct, a signature or a layout of weights. */
#define KSA_MICRO_VERSION 2

/* ---- Requantisation ------------------------------------------------------------------------- */

typedef enum {
  KSA_SINGLE_ROUNDING = 0, /* floor(v * multiplier / 2^shift + 1/2), exact in 64 bits */
  KSA_DOUBLE_ROUNDING = 1  /* that of TFLite's builtin operators; multiplier >= 2^30 */
} ksa_rounding;

/* y = clamp(round((sum + bias) * multiplier / 2^shift) + zero, low, high), shift in 1..62. A
 * multiplier of 2^30 is a shift alone and costs no multiplication with single rounding. */
typedef struct {
  int32_t multiplier;
  uint8_t shift;
  uint8_t rounding; /* ksa_rounding */
  int8_t zero, low, high;
} ksa_requantization;

/* ---- Convolutions --------------------------------------------------------------------------- */

/* One struct for all convolutions, dense layers included (an image of one pixel). Positions
 * outside of the image hold `input_zero`. `weights` has the layout that its function names:
 *
 *   raw        int8 (out_channels, kernel_rows, kernel_columns, in_channels / groups)
 *   codes      the same order, 4 bits a weight, the low half of a byte first, each output channel
 *              starting on a byte: 0 stands for 0, 1 + e for 2^e and 9 + e for -2^e, e in 0..6
 *   others     below, beside their functions; keras_shiftadd.export packs them
 *
 * `bias`, `multiplier` and `shift` have an element an output channel; functions whose packed
 * weights hold some of them say so, and take null for those. */
typedef struct {
  uint16_t in_rows, in_columns, in_channels;
  uint16_t out_rows, out_columns, out_channels;
  uint16_t kernel_rows, kernel_columns;
  uint16_t stride_rows, stride_columns;
  uint16_t dilation_rows, dilation_columns;
  uint16_t pad_rows, pad_columns; /* before the first row and column; those behind follow */
  uint16_t groups;
  int8_t input_zero;
  int8_t output_zero, low, high;
  uint8_t rounding;   /* ksa_rounding */
  uint8_t left_shift; /* of functions that take a null `shift`: 32 less the shift of all channels */
  const void* weights;
  const int32_t* bias;
  const int32_t* multiplier;
  const uint8_t* shift;
} ksa_conv_params;

/* What all convolutions look like. `scratch` may be null where no bytes are needed. */
typedef void (*ksa_conv_function)(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                                  void* scratch);

/* Portable forms: any core, any window, any groups, no scratch. */

/* sum (x - input_zero) * w; raw weights. */
void ksa_conv(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch);

/* -sum |x - w|; raw weights, on the scale and zero point of x. */
void ksa_adder_conv(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch);

/* sum (x - input_zero) * w by shifts and additions; codes. */
void ksa_shift_conv(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch);

/* ---- Pooling -------------------------------------------------------------------------------- */

/* Positions outside of the image are not counted; a window always meets the image. */
typedef struct {
  uint16_t in_rows, in_columns, channels;
  uint16_t out_rows, out_columns;
  uint16_t window_rows, window_columns;
  uint16_t stride_rows, stride_columns;
  uint16_t pad_rows, pad_columns; /* before */
  int8_t low, high;
} ksa_pool_params;

/* The largest element of a window. */
void ksa_max_pool(const ksa_pool_params* params, const int8_t* x, int8_t* y);

/* The average of a window, rounded to nearest, halves away from zero. */
void ksa_average_pool(const ksa_pool_params* params, const int8_t* x, int8_t* y);

/* Each channel: the sum of x - input_zero over all positions, requantised. */
typedef struct {
  uint32_t positions;
  uint16_t channels;
  int8_t input_zero;
  ksa_requantization requantization;
} ksa_mean_params;

void ksa_mean(const ksa_mean_params* params, const int8_t* x, int8_t* y);

/* ---- Element by element --------------------------------------------------------------------- */

/* Each (x - zero) << left_shift is scaled by its multiplier / 2^shift to 32 bits; their sum, or
 * the first minus the second, is requantised. y may be a or b. */
typedef struct {
  uint32_t size;
  uint8_t left_shift;
  uint8_t subtract;
  int8_t input_zeros[2];
  int32_t input_multipliers[2];
  uint8_t input_shifts[2];
  ksa_requantization requantization;
} ksa_add_params;

void ksa_add(const ksa_add_params* params, const int8_t* a, const int8_t* b, int8_t* y);

/* (a - zero of a) * (b - zero of b), requantised. b repeats with a period of `b_size` elements:
 * that of a, or the channels of a. y may be a. */
typedef struct {
  uint32_t size;
  uint32_t b_size;
  int8_t input_zeros[2];
  ksa_requantization requantization;
} ksa_multiply_params;

void ksa_multiply(const ksa_multiply_params* params, const int8_t* a, const int8_t* b, int8_t* y);

/* table[x + 128]. y may be x. */
void ksa_lookup(const int8_t* table, uint32_t size, const int8_t* x, int8_t* y);

/* Softmax over the last axis, `rows` vectors of `size` elements. The output has scale 1/256 and
 * zero point -128. y may be x. */
typedef struct {
  uint32_t rows;
  uint16_t size;
  int32_t multiplier;
  uint8_t left_shift;
  int32_t least_difference; /* elements that far below the largest give -128 */
} ksa_softmax_params;

void ksa_softmax(const ksa_softmax_params* params, const int8_t* x, int8_t* y);

/* ---- Matrices ------------------------------------------------------------------------------- */

/* For each of `matrices`: y[rows][columns] of a[rows][depth] and b[depth][columns], or
 * b[columns][depth] where `transpose`. Sums are requantised. y must be neither a nor b. */
typedef struct {
  uint16_t matrices, rows, columns, depth;
  uint8_t transpose;
  int8_t input_zeros[2];
  ksa_requantization requantization;
} ksa_matmul_params;

/* Sums of (a - zero of a) * (b - zero of b). */
void ksa_matmul(const ksa_matmul_params* params, const int8_t* a, const int8_t* b, int8_t* y);

/* Sums of -|a - b|; both have one zero point, which does not matter. */
void ksa_adder_matmul(const ksa_matmul_params* params, const int8_t* a, const int8_t* b,
                      int8_t* y);

/* ---- Moving bytes --------------------------------------------------------------------------- */

/* Rows and columns of `value` around an image. */
typedef struct {
  uint16_t in_rows, in_columns, channels;
  uint16_t pad_top, pad_bottom, pad_left, pad_right;
  int8_t value;
} ksa_pad_params;

void ksa_pad(const ksa_pad_params* params, const int8_t* x, int8_t* y);

/* One part of a concatenation along the last axis: `channels` bytes of every position go to
 * offset `first` of the `out_channels` bytes of that position. */
typedef struct {
  uint32_t positions;
  uint16_t channels, first, out_channels;
} ksa_concatenate_params;

void ksa_concatenate(const ksa_concatenate_params* params, const int8_t* x, int8_t* y);

/* x[rows][columns][channels] to y[columns][rows][channels]. y must not be x. */
typedef struct {
  uint16_t rows, columns, channels;
} ksa_transpose_params;

void ksa_transpose(const ksa_transpose_params* params, const int8_t* x, int8_t* y);

/* Each of `positions` bytes, `channels` times. y must not be x. */
typedef struct {
  uint32_t positions;
  uint16_t channels;
} ksa_repeat_params;

void ksa_repeat(const ksa_repeat_params* params, const int8_t* x, int8_t* y);

#ifdef __cplusplus
}
#endif
#endif /* KERAS_SHIFTADD_MICRO_SHIFTADD_MICRO_H_ */
