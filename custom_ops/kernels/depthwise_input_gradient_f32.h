// The input gradient of the depthwise adder convolution: vectors of channels.
#ifndef KERAS_SHIFTADD_KERNELS_DEPTHWISE_INPUT_GRADIENT_F32_H_
#define KERAS_SHIFTADD_KERNELS_DEPTHWISE_INPUT_GRADIENT_F32_H_

#include "phases.h"
#include "slopes_f32.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// `n` floats, `step` apart.
inline vec load_apart(const float* p, int64_t step, int n) {
  if (step == 1) return n == kLanes ? load(p) : load_first(p, n);
  float lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i * step];
  return load(lanes);
}

// One input pixel: all channels, the last vector maybe partial.
template <int kSlope>
inline void depthwise_input_gradient_pixel(const shiftadd_conv_params& p, int64_t taps,
                                           const int64_t* tap, const int64_t* offset,
                                           const float* x, const float* w, const float* g,
                                           float* dx) {
  const int64_t channels = p.groups, multiplier = p.filters;
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int lanes = static_cast<int>(minimum<int64_t>(kLanes, channels - c));
    const vec value = load_apart(x + c, 1, lanes);
    vec acc = zero();
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t m = 0; m < multiplier; ++m) {
        const int64_t output = c * multiplier + m;
        const vec weight =
            load_apart(w + tap[t] * channels * multiplier + output, multiplier, lanes);
        const vec gradient = load_apart(g + offset[t] + output, multiplier, lanes);
        acc = multiply_add(gradient, slope_of<kSlope, false>(sub(weight, value)), acc);
      }
    }
    if (lanes == kLanes) {
      store(dx + c, acc);
    } else {
      store_first(dx + c, acc, lanes);
    }
  }
}

template <int kSlope>
void depthwise_input_gradient_band(const PhasePlan& plan, const PhaseBand& band, const float* x,
                                   const float* w, const float* g, float* dx, float* copy,
                                   int64_t* at, int64_t* reads, int64_t* tap, int64_t* offset) {
  const shiftadd_conv_params& p = plan.params;
  const float* base = phase_band_gradient(plan, band, g, copy);
  const int64_t image = band.image * p.in_size[0] * p.in_size[1] * p.groups;
  for_each_phase(p, [&](int64_t row, int64_t column) {
    for_each_segment(plan, band, row, column, true, [&](const Segment& rows,
                                                        const Segment& columns) {
      const int64_t taps = phase_taps(plan, row, column, rows, columns, tap, offset);
      const int64_t cells = phase_cells(plan, band, row, column, rows, columns, at, reads);
      for (int64_t cell = 0; cell < cells; ++cell) {
        depthwise_input_gradient_pixel<kSlope>(p, taps, tap, offset, x + image + at[cell], w,
                                               base + reads[cell], dx + image + at[cell]);
      }
    });
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_DEPTHWISE_INPUT_GRADIENT_F32_H_
