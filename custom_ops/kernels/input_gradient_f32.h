// The input gradient of the adder convolution: dx = sum g * slope(w - x).
//
// A register block holds some input elements times one or two vectors of channels: x stays where
// it is, the gradient is broadcast and the kernel, transposed, is loaded.
#ifndef KERAS_SHIFTADD_KERNELS_INPUT_GRADIENT_F32_H_
#define KERAS_SHIFTADD_KERNELS_INPUT_GRADIENT_F32_H_

#include "common.h"
#include "depthwise_input_gradient_f32.h"
#include "phases.h"
#include "slopes_f32.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

struct SlopeBlock {
  int64_t taps;
  const int64_t* tap;
  const int64_t* offset;
  int64_t filters;  // of a group
  const float* w;   // (tap, filter, V vectors)
  int64_t channels;  // valid ones in the block
  bool w_numbers;    // the kernel has no NaN and no infinity
};

template <int P, int V, int kSlope, bool kNumbers>
inline void slope_block(const SlopeBlock& b, const float* const* g, const vec (&x)[P][V],
                        vec (&acc)[P][V]) {
  const vec one = opaque_one();
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v) acc[p][v] = zero();
  for (int64_t t = 0; t < b.taps; ++t) {
    const float* w = b.w + b.tap[t] * b.filters * V * kLanes;
    const float* from[P];
    for (int p = 0; p < P; ++p) from[p] = g[p] + b.offset[t];
    for (int64_t f = 0; f < b.filters; ++f, w += V * kLanes) {
      vec weights[V];
      for (int v = 0; v < V; ++v) weights[v] = load(w + v * kLanes);
      for (int p = 0; p < P; ++p) {
        const vec gradient = broadcast(from[p][f]);
        for (int v = 0; v < V; ++v) {
          // Every other difference goes to the ports of the FMAs.
          const vec difference = (p * V + v) % 2 == 0 ? sub(weights[v], x[p][v])
                                                      : sub_fused(weights[v], x[p][v], one);
          const vec slope = slope_of<kSlope, kNumbers>(difference);
          acc[p][v] = multiply_add(gradient, slope, acc[p][v]);
        }
      }
    }
  }
}

template <int P, int V, int kSlope>
void input_gradient_block(const SlopeBlock& b, const float* const* g, const float* const* x,
                          float* const* dx) {
  vec values[P][V], acc[P][V];
  vec seen = zero();
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) {
      const int64_t left = b.channels - v * kLanes;
      values[p][v] = left >= kLanes ? load(x[p] + v * kLanes)
                     : left > 0    ? load_first(x[p] + v * kLanes, static_cast<int>(left))
                                   : zero();
      seen = watch(seen, values[p][v]);
    }
  }
  if (kSlope == SHIFTADD_CLIP && b.w_numbers && !has_nan(seen)) {
    slope_block<P, V, kSlope, true>(b, g, values, acc);
  } else {
    slope_block<P, V, kSlope, false>(b, g, values, acc);
  }
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) {
      const int64_t left = b.channels - v * kLanes;
      if (left >= kLanes) {
        store(dx[p] + v * kLanes, acc[p][v]);
      } else if (left > 0) {
        store_first(dx[p] + v * kLanes, acc[p][v], static_cast<int>(left));
      }
    }
  }
}

// `count` is at most P: takes the block of just that many elements.
template <int P, int V, int kSlope>
void input_gradient_block_of(int64_t count, const SlopeBlock& b, const float* const* g,
                             const float* const* x, float* const* dx) {
  if constexpr (P > 1) {
    if (count < P) return input_gradient_block_of<P - 1, V, kSlope>(count, b, g, x, dx);
  }
  input_gradient_block<P, V, kSlope>(b, g, x, dx);
}

template <int P, int V, int kSlope>
void input_gradient_cells(const SlopeBlock& b, const float* g, const int64_t* reads,
                          const float* x, float* dx, const int64_t* at, int64_t count) {
  for (int64_t done = 0; done < count; done += P) {
    const int64_t here = minimum<int64_t>(P, count - done);
    const float *from[P], *values[P];
    float* to[P];
    for (int64_t p = 0; p < here; ++p) {
      from[p] = g + reads[done + p];
      values[p] = x + at[done + p];
      to[p] = dx + at[done + p];
    }
    input_gradient_block_of<P, V, kSlope>(here, b, from, values, to);
  }
}

// How many vectors of channels the next block takes.
inline int gradient_vectors(int64_t vectors_left) {
  return vectors_left >= kGradientVectors ? kGradientVectors : 1;
}

struct InputGradientPlan {
  PhasePlan phases;
  int64_t splits;
  int64_t lanes;  // channels of a group, rounded up to vectors
  int64_t window; // kernel elements that one channel meets
  float* packed;
  char* workers;
  size_t worker_bytes;
};

struct InputGradientWorker {
  float* band;
  int64_t *at, *reads, *tap, *offset;
};

inline InputGradientWorker input_gradient_worker(Arena& arena, const PhasePlan& plan) {
  InputGradientWorker s;
  s.band = arena.take<float>(plan.copies ? plan.band_elements : 0);
  s.at = arena.take<int64_t>(plan.band_cells);
  s.reads = arena.take<int64_t>(plan.band_cells);
  s.tap = arena.take<int64_t>(taps_of(plan.params));
  s.offset = arena.take<int64_t>(taps_of(plan.params));
  return s;
}

inline size_t plan_input_gradient(const shiftadd_conv_params& p, int32_t threads, void* scratch,
                                  InputGradientPlan* plan) {
  plan->phases = plan_phases(p, threads);
  plan->lanes = round_up<int64_t>(p.channels, kLanes);
  plan->window = taps_of(p) * p.filters;
  plan->splits = is_depthwise(p) ? 1
                                 : splits_of(plan->phases.one_thread, threads, plan->phases.count,
                                             plan->lanes / kLanes / kGradientVectors);
  Arena arena(scratch);
  plan->packed = arena.take<float>(is_depthwise(p) ? 0 : p.groups * plan->window * plan->lanes);
  Arena worker(nullptr);
  input_gradient_worker(worker, plan->phases);
  plan->worker_bytes = round_up<size_t>(worker.size(), kAlignment);
  plan->workers = arena.take<char>(static_cast<int64_t>(plan->worker_bytes) * threads);
  return arena.size();
}

inline size_t input_gradient_scratch(const shiftadd_conv_params& p, int32_t threads) {
  InputGradientPlan plan;
  return plan_input_gradient(p, threads, nullptr, &plan);
}

// Transposes the kernel to (group, channel block, tap, filter, lanes); false if some weight is
// NaN or infinite.
inline bool pack_transposed(const shiftadd_conv_params& p, int64_t lanes, const float* w,
                            float* out) {
  float seen = 0.0f;
  for (int64_t group = 0; group < p.groups; ++group) {
    for (int64_t c = 0; c < lanes;) {
      const int64_t width = gradient_vectors((lanes - c) / kLanes) * kLanes;
      const int64_t valid = minimum(width, p.channels - c);
      for (int64_t tap = 0; tap < taps_of(p); ++tap) {
        const float* in = w + ((tap * p.groups + group) * p.channels + c) * p.filters;
        for (int64_t f = 0; f < p.filters; ++f, out += width) {
          for (int64_t i = 0; i < valid; ++i) {
            out[i] = in[i * p.filters + f];
            seen += out[i] * 0.0f;
          }
          for (int64_t i = valid; i < width; ++i) out[i] = 0.0f;
        }
      }
      c += width;
    }
  }
  return seen == seen;
}

// The cells of one phase and of one pair of segments, in all groups.
template <int kSlope>
void input_gradient_cells_of(const InputGradientPlan& plan, SlopeBlock b, int64_t cells,
                             int64_t split, const float* x, const float* g, float* dx,
                             const InputGradientWorker& s) {
  const shiftadd_conv_params& p = plan.phases.params;
  for (int64_t group = 0; group < p.groups; ++group) {
    const float* packed = plan.packed + group * plan.window * plan.lanes;
    const float* from = g + group * p.filters;
    int64_t turn = 0;
    for (int64_t c = 0, width; c < plan.lanes; c += width) {
      width = gradient_vectors((plan.lanes - c) / kLanes) * kLanes;
      if (turn++ % plan.splits != split) continue;
      const int64_t at = group * p.channels + c;
      b.w = packed + plan.window * c;
      b.channels = p.channels - c;
      if (width == 2 * kLanes) {
        input_gradient_cells<kGradientBlock2, 2, kSlope>(b, from, s.reads, x + at, dx + at, s.at,
                                                         cells);
      } else {
        input_gradient_cells<kGradientBlock1, 1, kSlope>(b, from, s.reads, x + at, dx + at, s.at,
                                                         cells);
      }
    }
  }
}

template <int kSlope>
void input_gradient_band(const InputGradientPlan& plan, const PhaseBand& band, int64_t split,
                         bool w_numbers, const float* x, const float* g, float* dx,
                         const InputGradientWorker& s) {
  const shiftadd_conv_params& p = plan.phases.params;
  const float* base = phase_band_gradient(plan.phases, band, g, s.band);
  const int64_t image = band.image * p.in_size[0] * p.in_size[1] * p.groups * p.channels;
  // Outputs beyond the border have no gradient, and zero times a number is not worth its time.
  const bool all = !w_numbers;
  for_each_phase(p, [&](int64_t row, int64_t column) {
    for_each_segment(plan.phases, band, row, column, all, [&](const Segment& rows,
                                                              const Segment& columns) {
      SlopeBlock b;
      b.taps = phase_taps(plan.phases, row, column, rows, columns, s.tap, s.offset);
      b.tap = s.tap;
      b.offset = s.offset;
      b.filters = p.filters;
      b.w_numbers = w_numbers;
      const int64_t cells =
          phase_cells(plan.phases, band, row, column, rows, columns, s.at, s.reads);
      input_gradient_cells_of<kSlope>(plan, b, cells, split, x + image, base, dx + image, s);
    });
  });
}

template <int kSlope>
void input_gradient_of(const shiftadd_conv_params& params, const float* x, const float* w,
                       const float* g, float* dx, void* scratch,
                       const shiftadd_parallel& parallel) {
  InputGradientPlan plan;
  plan_input_gradient(params, parallel.threads, scratch, &plan);
  const bool depthwise = is_depthwise(params);
  const bool w_numbers =
      depthwise ? false : pack_transposed(plan.phases.params, plan.lanes, w, plan.packed);
  parallel_for(plan.phases.one_thread ? kOneThread : parallel, plan.phases.count * plan.splits,
               [&](int64_t item, int32_t worker) {
                 Arena arena(plan.workers + static_cast<size_t>(worker) * plan.worker_bytes);
                 const InputGradientWorker s = input_gradient_worker(arena, plan.phases);
                 const PhaseBand band = phase_band_at(plan.phases, item / plan.splits);
                 if (depthwise) {
                   depthwise_input_gradient_band<kSlope>(plan.phases, band, x, w, g, dx, s.band,
                                                         s.at, s.reads, s.tap, s.offset);
                 } else {
                   input_gradient_band<kSlope>(plan, band, item % plan.splits, w_numbers, x, g,
                                               dx, s);
                 }
               });
}

inline void input_gradient(const shiftadd_conv_params& p, int32_t slope, const float* x,
                           const float* w, const float* g, float* dx, void* scratch,
                           const shiftadd_parallel& parallel) {
  if (slope == SHIFTADD_CLIP) {
    input_gradient_of<SHIFTADD_CLIP>(p, x, w, g, dx, scratch, parallel);
  } else if (slope == SHIFTADD_SIGN) {
    input_gradient_of<SHIFTADD_SIGN>(p, x, w, g, dx, scratch, parallel);
  } else {
    input_gradient_of<SHIFTADD_IDENTITY>(p, x, w, g, dx, scratch, parallel);
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INPUT_GRADIENT_F32_H_
