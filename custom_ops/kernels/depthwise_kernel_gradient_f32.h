// The kernel gradient of the depthwise adder convolution with one filter a channel and the
// difference itself for a slope: dw = sum g * x - w * sum g, vectors of channels.
#ifndef KERAS_SHIFTADD_KERNELS_DEPTHWISE_KERNEL_GRADIENT_F32_H_
#define KERAS_SHIFTADD_KERNELS_DEPTHWISE_KERNEL_GRADIENT_F32_H_

#include "common.h"
#include "depthwise_input_gradient_f32.h"
#include "segments.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// The sum of x * g over `count` pixels of a row, in four chains.
inline vec row_product(const float* x, const float* g, int64_t x_step, int64_t g_step,
                       int64_t count, int lanes) {
  vec chains[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (int k = 0; k < 4; ++k) {
      const vec value = load_apart(x + (i + k) * x_step, 1, lanes);
      chains[k] = multiply_add(value, load_apart(g + (i + k) * g_step, 1, lanes), chains[k]);
    }
  }
  for (; i < count; ++i) {
    const vec value = load_apart(x + i * x_step, 1, lanes);
    chains[0] = multiply_add(value, load_apart(g + i * g_step, 1, lanes), chains[0]);
  }
  return add(add(chains[0], chains[1]), add(chains[2], chains[3]));
}

// One tap; `g_sum` holds the sums of g over all pixels.
inline void depthwise_kernel_gradient_tap(const shiftadd_conv_params& p, int64_t tap,
                                          const float* x, const float* w, const float* g,
                                          const float* g_sum, float* dw) {
  const int64_t channels = p.groups;
  const int64_t ky = tap / p.kernel_size[1], kx = tap % p.kernel_size[1];
  int64_t row_begin, row_end, column_begin, column_end;
  valid_outputs(p, 0, ky, &row_begin, &row_end);
  valid_outputs(p, 1, kx, &column_begin, &column_end);
  const int64_t columns = column_end - column_begin;
  const int64_t first_x = column_begin * p.strides[1] - p.pad_before[1] + kx * p.dilation[1];
  float* sums = dw + tap * channels;
  for (int64_t c = 0; c < channels; ++c) sums[c] = 0.0f;
  // An image stays in the cache while its channels are worked through.
  for (int64_t image = 0; image < p.batch; ++image) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int lanes = static_cast<int>(minimum<int64_t>(kLanes, channels - c));
      vec part = load_apart(sums + c, 1, lanes);
      for (int64_t row = row_begin; row < row_end && columns > 0; ++row) {
        const int64_t y = row * p.strides[0] - p.pad_before[0] + ky * p.dilation[0];
        const float* from =
            x + ((image * p.in_size[0] + y) * p.in_size[1] + first_x) * channels + c;
        const float* gradient =
            g + ((image * p.out_size[0] + row) * p.out_size[1] + column_begin) * channels + c;
        part = add(part, row_product(from, gradient, p.strides[1] * channels, channels, columns,
                                     lanes));
      }
      store_first(sums + c, part, lanes);
    }
  }
  for (int64_t c = 0; c < channels; ++c) sums[c] -= w[tap * channels + c] * g_sum[c];
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_DEPTHWISE_KERNEL_GRADIENT_F32_H_
