// The kernel gradient where its sum does not fall apart: other slopes, and depthwise kernels.
#ifndef KERAS_SHIFTADD_KERNELS_SLOPED_KERNEL_GRADIENT_F32_H_
#define KERAS_SHIFTADD_KERNELS_SLOPED_KERNEL_GRADIENT_F32_H_

#include "common.h"
#include "depthwise_input_gradient_f32.h"
#include "slopes_f32.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// What `n` outputs read through one tap: the same element, or in a depthwise convolution each that
// of its channel. A null `x` is padding.
inline vec input_of(const float* x, int64_t first, int64_t multiplier, bool depthwise, int n) {
  if (x == nullptr) return zero();
  if (!depthwise) return broadcast(x[first]);
  if (multiplier == 1) return load_apart(x + first, 1, n);
  float lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = x[(first + i) / multiplier];
  return load(lanes);
}

// The sums of one tap and one vector of outputs (of one channel, unless depthwise).
template <int kSlope>
inline void sloped_sums(const shiftadd_conv_params& p, int64_t ky, int64_t kx, int64_t channel,
                        int64_t output, int lanes, const float* x, vec weights, const float* g,
                        float* dw) {
  const bool depthwise = is_depthwise(p);
  const int64_t channels = p.groups * p.channels, filters = p.groups * p.filters;
  vec total = zero();
  for (int64_t image = 0; image < p.batch; ++image) {
    for (int64_t row = 0; row < p.out_size[0]; ++row) {
      const int64_t y = row * p.strides[0] - p.pad_before[0] + ky * p.dilation[0];
      const bool row_inside = y >= 0 && y < p.in_size[0];
      const float* from = x + (image * p.in_size[0] + y) * p.in_size[1] * channels;
      const float* gradient = g + (image * p.out_size[0] + row) * p.out_size[1] * filters + output;
      vec part = zero();
      for (int64_t column = 0; column < p.out_size[1]; ++column, gradient += filters) {
        const int64_t at = column * p.strides[1] - p.pad_before[1] + kx * p.dilation[1];
        const bool inside = row_inside && at >= 0 && at < p.in_size[1];
        const vec value = input_of(inside ? from + at * channels : nullptr, channel, p.filters,
                                   depthwise, lanes);
        const vec slope = slope_of<kSlope, false>(sub(value, weights));
        part = multiply_add(load_apart(gradient, 1, lanes), slope, part);
      }
      total = add(total, part);
    }
  }
  store_first(dw, total, lanes);
}

template <int kSlope>
void sloped_kernel_gradient_of(const shiftadd_conv_params& p, const float* x, const float* w,
                               const float* g, float* dw, const shiftadd_parallel& parallel) {
  const bool depthwise = is_depthwise(p);
  const int64_t rows = depthwise ? 1 : p.groups * p.channels;
  const int64_t outputs = depthwise ? p.groups * p.filters : p.filters;
  parallel_for(parallel, taps_of(p) * rows, [&](int64_t item, int32_t) {
    const int64_t tap = item / rows, row = item % rows;
    const int64_t group = depthwise ? 0 : row / p.channels;
    for (int64_t f = 0; f < outputs; f += kLanes) {
      const int lanes = static_cast<int>(minimum<int64_t>(kLanes, outputs - f));
      const int64_t at = item * outputs + f;
      sloped_sums<kSlope>(p, tap / p.kernel_size[1], tap % p.kernel_size[1], depthwise ? f : row,
                          group * p.filters + f, lanes, x, load_apart(w + at, 1, lanes), g,
                          dw + at);
    }
  });
}

inline void sloped_kernel_gradient(const shiftadd_conv_params& p, int32_t slope, const float* x,
                                   const float* w, const float* g, float* dw,
                                   const shiftadd_parallel& parallel) {
  if (slope == SHIFTADD_CLIP) {
    sloped_kernel_gradient_of<SHIFTADD_CLIP>(p, x, w, g, dw, parallel);
  } else if (slope == SHIFTADD_SIGN) {
    sloped_kernel_gradient_of<SHIFTADD_SIGN>(p, x, w, g, dw, parallel);
  } else {
    sloped_kernel_gradient_of<SHIFTADD_IDENTITY>(p, x, w, g, dw, parallel);
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SLOPED_KERNEL_GRADIENT_F32_H_
