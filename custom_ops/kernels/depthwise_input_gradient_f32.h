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

// A register block: P input elements times one vector of channels, the last one maybe partial.
template <int P, int kSlope>
inline void depthwise_input_gradient_block(const shiftadd_conv_params& p, int64_t taps,
                                           const int64_t* tap, const int64_t* offset, int64_t c,
                                           const float* const* x, const float* w,
                                           const float* const* g, float* const* dx) {
  const int64_t channels = p.groups, multiplier = p.filters;
  const int lanes = static_cast<int>(minimum<int64_t>(kLanes, channels - c));
  vec values[P], acc[P];
  for (int i = 0; i < P; ++i) {
    values[i] = load_apart(x[i] + c, 1, lanes);
    acc[i] = zero();
  }
  for (int64_t t = 0; t < taps; ++t) {
    const float* weights = w + tap[t] * channels * multiplier;
    for (int64_t output = c * multiplier, m = 0; m < multiplier; ++m, ++output) {
      const vec weight = load_apart(weights + output, multiplier, lanes);
      for (int i = 0; i < P; ++i) {
        const vec gradient = load_apart(g[i] + offset[t] + output, multiplier, lanes);
        const vec slope = slope_of<kSlope, false>(sub(weight, values[i]));
        acc[i] = multiply_add(gradient, slope, acc[i]);
      }
    }
  }
  for (int i = 0; i < P; ++i) {
    if (lanes == kLanes) {
      store(dx[i] + c, acc[i]);
    } else {
      store_first(dx[i] + c, acc[i], lanes);
    }
  }
}

// All channels of `count` input elements.
template <int P, int kSlope>
inline void depthwise_input_gradient_cells(const shiftadd_conv_params& p, int64_t taps,
                                           const int64_t* tap, const int64_t* offset,
                                           int64_t count, const int64_t* at, const int64_t* reads,
                                           const float* x, const float* w, const float* g,
                                           float* dx) {
  int64_t done = 0;
  for (; done + P <= count; done += P) {
    const float *values[P], *from[P];
    float* to[P];
    for (int i = 0; i < P; ++i) {
      values[i] = x + at[done + i];
      from[i] = g + reads[done + i];
      to[i] = dx + at[done + i];
    }
    for (int64_t c = 0; c < p.groups; c += kLanes) {
      depthwise_input_gradient_block<P, kSlope>(p, taps, tap, offset, c, values, w, from, to);
    }
  }
  if constexpr (P > 1) {
    if (done < count) {
      depthwise_input_gradient_cells<1, kSlope>(p, taps, tap, offset, count - done, at + done,
                                                reads + done, x, w, g, dx);
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
      depthwise_input_gradient_cells<4, kSlope>(p, taps, tap, offset, cells, at, reads, x + image,
                                                w, base, dx + image);
    });
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_DEPTHWISE_INPUT_GRADIENT_F32_H_
