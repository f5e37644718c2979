// The adder convolution of float32 tensors: y = -sum |x - w|.
//
// The output pixels of a piece of work (a band of rows, or some whole images) are numbered
// through. A register block holds some of them times one to three vectors of filters; every pixel
// has a base pointer, and what a window reads are runs of consecutive floats at the same offsets
// from it. Where there is padding, the band is copied once with its border of zeros; without, the
// input itself is read.
#ifndef KERAS_SHIFTADD_KERNELS_FORWARD_F32_H_
#define KERAS_SHIFTADD_KERNELS_FORWARD_F32_H_

#include "bands.h"
#include "common.h"
#include "depthwise_f32.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Terms that a register sums up before it is added to the total. Sums of sums keep the rounding
// error of a long window near that of a short one.
constexpr int64_t kTermsInRegister = 256;

// A register block of P pixels times V vectors of filters.
template <int P, int V, bool kMaxForm>
inline void distance_block(const float* const* pixels, const Runs& runs, const float* w,
                           int64_t w_stride, vec (&acc)[P][V]) {
  const vec one = opaque_one();
  // In memory, so that the registers are left to the loop.
  alignas(kAlignment) float total[P * V * kLanes];
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) {
      acc[p][v] = zero();
      store(total + (p * V + v) * kLanes, zero());
    }
  }
  int64_t terms = 0;
  for (int64_t r = 0; r < runs.count; ++r) {
    const float* x[P];
    for (int p = 0; p < P; ++p) x[p] = pixels[p] + runs.offset[r];
    for (int64_t c = 0; c < runs.length;) {
      const int64_t end = minimum(c + kTermsInRegister, runs.length);
      terms += end - c;
      for (; c < end; ++c) {
        vec weights[V];
        for (int v = 0; v < V; ++v) weights[v] = load(w + v * kLanes);
        w += w_stride;
        for (int p = 0; p < P; ++p) {
          const vec value = broadcast_at(x[p] + c);
          for (int v = 0; v < V; ++v) {
            const vec term = kMaxForm ? max(value, weights[v]) : abs(sub(value, weights[v]));
            acc[p][v] = accumulate(acc[p][v], term, one);
          }
        }
      }
      if (terms < kTermsInRegister) continue;
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < V; ++v) {
          float* at = total + (p * V + v) * kLanes;
          store(at, add(load(at), acc[p][v]));
          acc[p][v] = zero();
        }
      }
      terms = 0;
    }
  }
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v)
      acc[p][v] = add(load(total + (p * V + v) * kLanes), acc[p][v]);
}

// What the blocks of one filter group share.
struct ForwardBlock {
  const Runs* runs;
  const float* w;  // first filter of the block
  int64_t w_stride;
  const float* w_sum;  // per filter: sum w, sum |w|; null where the exact form is asked for
  const float* w_abs_sum;
  int64_t filters;  // valid ones in the block
  int64_t y_stride;
};

template <int P, int V>
void forward_block(const ForwardBlock& b, const float* const* pixels, const float* x_sum,
                   const float* x_abs_sum, float* y) {
  vec acc[P][V];
  if (b.w_sum != nullptr) {
    distance_block<P, V, true>(pixels, *b.runs, b.w, b.w_stride, acc);
    const vec minus_two = broadcast(-2.0f);
    const vec limit = broadcast(1.0f / SHIFTADD_MAX_FORM_LIMIT);
    lane_mask again[P][V];
    bool some = false;
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < V; ++v) {
        const vec sums = add(broadcast(x_sum[p]), load(b.w_sum + v * kLanes));
        const vec magnitude = add(broadcast(x_abs_sum[p]), load(b.w_abs_sum + v * kLanes));
        acc[p][v] = multiply_add(minus_two, acc[p][v], sums);
        again[p][v] = not_at_least(sub(zero(), acc[p][v]), mul(magnitude, limit));
        some = some || any(again[p][v]);
      }
    }
    if (some) {
      vec exact[P][V];
      distance_block<P, V, false>(pixels, *b.runs, b.w, b.w_stride, exact);
      for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v)
          acc[p][v] = select(again[p][v], sub(zero(), exact[p][v]), acc[p][v]);
    }
  } else {
    distance_block<P, V, false>(pixels, *b.runs, b.w, b.w_stride, acc);
    for (int p = 0; p < P; ++p)
      for (int v = 0; v < V; ++v) acc[p][v] = sub(zero(), acc[p][v]);
  }
  for (int p = 0; p < P; ++p) {
    float* row = y + p * b.y_stride;
    for (int v = 0; v < V; ++v) {
      const int64_t left = b.filters - v * kLanes;
      if (left >= kLanes) {
        store(row + v * kLanes, acc[p][v]);
      } else if (left > 0) {
        store_first(row + v * kLanes, acc[p][v], static_cast<int>(left));
      }
    }
  }
}

// `count` is at most P: takes the block of just that many pixels.
template <int P, int V>
void forward_block_of(int64_t count, const ForwardBlock& b, const float* const* pixels,
                      const float* x_sum, const float* x_abs_sum, float* y) {
  if constexpr (P > 1) {
    if (count < P) return forward_block_of<P - 1, V>(count, b, pixels, x_sum, x_abs_sum, y);
  }
  forward_block<P, V>(b, pixels, x_sum, x_abs_sum, y);
}

template <int P, int V>
void forward_pixels(const ForwardBlock& b, const float* base, const int64_t* offset,
                    const float* x_sum, const float* x_abs_sum, float* y, int64_t count) {
  const float* pixels[P];
  for (int64_t done = 0; done < count; done += P) {
    const int64_t here = minimum<int64_t>(P, count - done);
    for (int64_t p = 0; p < here; ++p) pixels[p] = base + offset[done + p];
    forward_block_of<P, V>(here, b, pixels, x_sum + done, x_abs_sum + done,
                           y + done * b.y_stride);
  }
}

struct ForwardPlan {
  BandPlan bands;
  Runs runs;
  int64_t splits;
  bool max_form;
  bool packed;       // false: the kernel is read where it lies
  int64_t lanes;     // filters a group, rounded up to vectors
  int64_t window;    // elements of a window
  float *packed_w, *w_sum, *w_abs_sum;
  int64_t* run_offset;
  char* workers;
  size_t worker_bytes;
};

struct ForwardWorker {
  float* band;
  int64_t* offset;
  float *sum, *abs_sum;      // of each pixel of the band
  float *box, *abs_box;      // of each window
};

inline ForwardWorker forward_worker(Arena& arena, const ForwardPlan& plan) {
  ForwardWorker s;
  s.band = arena.take<float>(plan.bands.copies ? plan.bands.band_elements : 0);
  s.offset = arena.take<int64_t>(plan.bands.band_pixels);
  const int64_t sums = plan.max_form ? plan.bands.band_positions : 0;
  s.sum = arena.take<float>(sums);
  s.abs_sum = arena.take<float>(sums);
  s.box = arena.take<float>(plan.bands.band_pixels);
  s.abs_box = arena.take<float>(plan.bands.band_pixels);
  return s;
}

inline size_t plan_forward(const shiftadd_conv_params& p, int32_t threads, void* scratch,
                           ForwardPlan* plan) {
  plan->bands = plan_bands(p, threads);
  plan->window = taps_of(p) * p.channels;
  // With groups a window is short, and with few pixels or filters the sums of the max form cost
  // what it saves.
  const int64_t pixels = p.batch * pixels_of(p);
  plan->max_form = kMaxFormPays && p.groups == 1 && p.filters >= kLanes / 2 && pixels > 16;
  plan->lanes = round_up<int64_t>(p.filters, kLanes);
  // Packing costs as much as a few pixels of work.
  plan->packed = p.filters % kLanes != 0 || p.groups > 1 || pixels > 32;
  plan->splits = splits_of(plan->bands.one_thread, threads, plan->bands.count,
                           plan->lanes / kLanes / kUsualVectors);
  Arena arena(scratch);
  plan->packed_w = arena.take<float>(plan->packed ? p.groups * plan->window * plan->lanes : 0);
  plan->w_sum = arena.take<float>(plan->max_form ? plan->lanes : 0);
  plan->w_abs_sum = arena.take<float>(plan->max_form ? plan->lanes : 0);
  plan->run_offset = arena.take<int64_t>(taps_of(p));
  Arena worker(nullptr);
  forward_worker(worker, *plan);
  plan->worker_bytes = round_up<size_t>(worker.size(), kAlignment);
  plan->workers = arena.take<char>(static_cast<int64_t>(plan->worker_bytes) * threads);
  return arena.size();
}

inline void pack_forward(const shiftadd_conv_params& p, const ForwardPlan& plan, const float* w) {
  const int64_t window = plan.window, taps = taps_of(p);
  if (plan.max_form) {
    for (int64_t f = 0; f < plan.lanes; ++f) plan.w_sum[f] = plan.w_abs_sum[f] = 0.0f;
    for (int64_t k = 0; k < window; ++k) {
      for (int64_t f = 0; f < p.filters; ++f) {
        const float value = w[k * p.filters + f];
        plan.w_sum[f] += value;
        plan.w_abs_sum[f] += value < 0.0f ? -value : value;
      }
    }
  }
  if (!plan.packed) return;
  for (int64_t group = 0; group < p.groups; ++group) {
    float* out = plan.packed_w + group * window * plan.lanes;
    for (int64_t f = 0; f < plan.lanes;) {
      const int64_t width = block_vectors((plan.lanes - f) / kLanes) * kLanes;
      const int64_t valid = minimum(width, p.filters - f);
      for (int64_t tap = 0; tap < taps; ++tap) {
        const float* in = w + ((tap * p.groups + group) * p.channels) * p.filters + f;
        for (int64_t c = 0; c < p.channels; ++c, in += p.filters, out += width) {
          for (int64_t i = 0; i < valid; ++i) out[i] = in[i];
          for (int64_t i = valid; i < width; ++i) out[i] = 0.0f;
        }
      }
      f += width;
    }
  }
}

inline void forward_band(const shiftadd_conv_params& p, const ForwardPlan& plan, const Band& band,
                         int64_t split, const float* x, const float* w, float* y,
                         ForwardWorker& s) {
  const float* base = band_input(p, plan.bands, band, x, s.band);
  band_offsets(p, plan.bands, band, s.offset);
  if (plan.max_form) {
    sum_positions(p, plan.bands, band, base, s.sum, s.abs_sum);
    box_sums(p, plan.bands, band, s.sum, s.abs_sum, s.box, s.abs_box);
  }
  const int64_t y_stride = p.groups * p.filters;
  float* out = y + band.first_pixel * y_stride;
  for (int64_t group = 0; group < p.groups; ++group) {
    const float* packed = plan.packed_w + group * plan.window * plan.lanes;
    int64_t turn = 0;
    for (int64_t f = 0, vectors; f < plan.lanes; f += vectors * kLanes) {
      vectors = block_vectors((plan.lanes - f) / kLanes);
      if (turn++ % plan.splits != split) continue;
      ForwardBlock b;
      b.runs = &plan.runs;
      b.w = plan.packed ? packed + plan.window * f : w + f;
      b.w_stride = plan.packed ? vectors * kLanes : p.filters;
      b.w_sum = plan.max_form ? plan.w_sum + f : nullptr;
      b.w_abs_sum = plan.max_form ? plan.w_abs_sum + f : nullptr;
      b.filters = p.filters - f;
      b.y_stride = y_stride;
      const float* from = base + group * p.channels;
      float* to = out + group * p.filters + f;
      if (vectors == 1) {
        forward_pixels<kBlock1, 1>(b, from, s.offset, s.box, s.abs_box, to, band.pixels);
      } else if (vectors == 2) {
        forward_pixels<kBlock2, 2>(b, from, s.offset, s.box, s.abs_box, to, band.pixels);
      } else if (vectors == 3) {
        forward_pixels<kBlock3, 3>(b, from, s.offset, s.box, s.abs_box, to, band.pixels);
      } else {
        forward_pixels<kBlock4, 4>(b, from, s.offset, s.box, s.abs_box, to, band.pixels);
      }
    }
  }
}

inline size_t adder_scratch(const shiftadd_conv_params& p, int32_t threads) {
  if (is_depthwise(p)) return depthwise_scratch(p, threads);
  ForwardPlan plan;
  return plan_forward(p, threads, nullptr, &plan);
}

inline void adder(const shiftadd_conv_params& params, const float* x, const float* w, float* y,
                  void* scratch, const shiftadd_parallel& parallel) {
  if (is_depthwise(params)) return depthwise(params, x, w, y, scratch, parallel);
  ForwardPlan plan;
  plan_forward(params, parallel.threads, scratch, &plan);
  const shiftadd_conv_params p = plan.bands.params;
  plan.runs = make_runs(p, plan.bands, plan.run_offset);
  pack_forward(p, plan, w);
  parallel_for(plan.bands.one_thread ? kOneThread : parallel, plan.bands.count * plan.splits,
               [&](int64_t item, int32_t worker) {
    Arena arena(plan.workers + static_cast<size_t>(worker) * plan.worker_bytes);
    ForwardWorker s = forward_worker(arena, plan);
    const Band band = band_at(p, plan.bands, item / plan.splits);
    forward_band(p, plan, band, item % plan.splits, x, w, y, s);
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_FORWARD_F32_H_
