/* sum (x - input_zero) * w by CMSIS-NN, Arm's own kernels: raw weights, double rounding, one group.
 * Elsewhere than on Arm's processors a plain loop computes the same.
 *
 * The scratch memory holds the shifts as CMSIS-NN takes them, 4 bytes a filter, then its buffer,
 * 4 bytes an element of the window, which is filled up to whole words. */
#if defined(__arm__)

#include <arm_nnfunctions.h>

#include "shiftadd_micro.h"

static int32_t ksa_cmsis_nn_buffer(const ksa_conv_params* p) {
  const int32_t window = (int32_t)p->kernel_rows * p->kernel_columns * p->in_channels;
  return 4 * ((window + 3) & ~3);
}

void ksa_cmsis_nn_conv(const ksa_conv_params* p, const int8_t* x, int8_t* y, void* scratch) {
  int32_t* const shifts = (int32_t*)scratch;
  const cmsis_nn_context context = {shifts + p->out_channels, ksa_cmsis_nn_buffer(p)};
  const cmsis_nn_dims in = {1, p->in_rows, p->in_columns, p->in_channels};
  const cmsis_nn_dims out = {1, p->out_rows, p->out_columns, p->out_channels};
  const cmsis_nn_dims filter = {p->out_channels, p->kernel_rows, p->kernel_columns,
                                p->in_channels};
  const cmsis_nn_dims bias = {1, 1, 1, p->out_channels};
  const cmsis_nn_per_channel_quant_params quant = {(int32_t*)(uintptr_t)p->multiplier, shifts};
  const cmsis_nn_conv_params params = {
      -p->input_zero,
      p->output_zero,
      {p->stride_columns, p->stride_rows},
      {p->pad_columns, p->pad_rows},
      {p->dilation_columns, p->dilation_rows},
      {p->low, p->high},
  };
  /* A shift to the left of a number with 31 bits behind the point. */
  for (uint32_t i = 0; i < p->out_channels; ++i) shifts[i] = 31 - p->shift[i];
  (void)arm_convolve_wrapper_s8(&context, &params, &quant, &in, x, &filter,
                                (const int8_t*)p->weights, &bias, p->bias, &out, y);
}

#else

#include "direct_conv.h"

void ksa_cmsis_nn_conv(const ksa_conv_params* p, const int8_t* x, int8_t* y, void* scratch) {
  (void)scratch;
  ksa_direct_conv(KSA_CONV, p, x, y);
}

#endif
