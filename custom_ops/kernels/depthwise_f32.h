// The depthwise adder convolution of float32 tensors: vectors of output channels.
#ifndef KERAS_SHIFTADD_KERNELS_DEPTHWISE_F32_H_
#define KERAS_SHIFTADD_KERNELS_DEPTHWISE_F32_H_

#include "bands.h"
#include "common.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// With a depth multiplier the band is copied with every channel repeated, so that input and
// output channels have the same number.
struct DepthwisePlan {
  BandPlan bands;
  shiftadd_conv_params repeated;
  int64_t channels;
  int64_t *run_offset, *run_element;
  char* workers;
  size_t worker_bytes;
};

struct DepthwiseWorker {
  float *copy, *band;
  int64_t* offset;
};

inline DepthwiseWorker depthwise_worker(Arena& arena, const DepthwisePlan& plan) {
  const BandPlan& bands = plan.bands;
  DepthwiseWorker s;
  s.copy = arena.take<float>(bands.copies ? bands.band_elements : 0);
  s.band = arena.take<float>(bands.params.filters > 1 ? bands.band_positions * plan.channels : 0);
  s.offset = arena.take<int64_t>(bands.band_pixels);
  return s;
}

inline size_t plan_depthwise(const shiftadd_conv_params& p, int32_t threads, void* scratch,
                             DepthwisePlan* plan) {
  plan->bands = plan_bands(p, threads);
  plan->channels = p.groups * p.filters;
  plan->repeated = plan->bands.params;
  plan->repeated.groups = plan->channels;
  plan->repeated.filters = 1;
  Arena arena(scratch);
  plan->run_offset = arena.take<int64_t>(taps_of(p));
  plan->run_element = arena.take<int64_t>(taps_of(p));
  Arena worker(nullptr);
  depthwise_worker(worker, *plan);
  plan->worker_bytes = round_up<size_t>(worker.size(), kAlignment);
  plan->workers = arena.take<char>(static_cast<int64_t>(plan->worker_bytes) * threads);
  return arena.size();
}

inline size_t depthwise_scratch(const shiftadd_conv_params& p, int32_t threads) {
  DepthwisePlan plan;
  return plan_depthwise(p, threads, nullptr, &plan);
}

// A register block of P pixels times one vector of channels, the last one maybe partial.
template <int P, bool kPartial>
inline void depthwise_block(const float* const* pixels, const Runs& runs, const float* w,
                            int64_t channels, int lanes, float* y) {
  const vec one = opaque_one();
  vec acc[P];
  for (int p = 0; p < P; ++p) acc[p] = zero();
  for (int64_t r = 0; r < runs.count; ++r, w += channels) {
    const vec weights = kPartial ? load_first(w, lanes) : load(w);
    for (int p = 0; p < P; ++p) {
      const float* x = pixels[p] + runs.offset[r];
      const vec value = kPartial ? load_first(x, lanes) : load(x);
      acc[p] = accumulate(acc[p], abs(sub(value, weights)), one);
    }
  }
  for (int p = 0; p < P; ++p) {
    const vec result = sub(zero(), acc[p]);
    if (kPartial) {
      store_first(y + p * channels, result, lanes);
    } else {
      store(y + p * channels, result);
    }
  }
}

template <int P>
inline void depthwise_pixels(const float* base, const int64_t* offset, const Runs& runs,
                             const float* w, int64_t channels, float* y, int64_t count) {
  const float* pixels[P];
  int64_t done = 0;
  for (; done + P <= count; done += P) {
    float* out = y + done * channels;
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) {
      for (int p = 0; p < P; ++p) pixels[p] = base + offset[done + p] + c;
      depthwise_block<P, false>(pixels, runs, w + c, channels, kLanes, out + c);
    }
    if (c < channels) {
      for (int p = 0; p < P; ++p) pixels[p] = base + offset[done + p] + c;
      const int lanes = static_cast<int>(channels - c);
      depthwise_block<P, true>(pixels, runs, w + c, channels, lanes, out + c);
    }
  }
  if constexpr (P > 1) {
    if (done < count) {
      depthwise_pixels<P / 2>(base, offset + done, runs, w, channels, y + done * channels,
                              count - done);
    }
  }
}

inline void depthwise(const shiftadd_conv_params& params, const float* x, const float* w, float* y,
                      void* scratch, const shiftadd_parallel& parallel) {
  DepthwisePlan plan;
  plan_depthwise(params, parallel.threads, scratch, &plan);
  const shiftadd_conv_params p = plan.bands.params;
  // Taps stand apart here, whatever their distance: one run each.
  const Runs runs = make_runs(plan.repeated, plan.bands, segment_at(p, 0, 0, 1, true),
                              segment_at(p, 1, 0, 1, true), plan.run_offset, plan.run_element);
  const int64_t multiplier = p.filters;
  parallel_for(plan.bands.one_thread ? kOneThread : parallel, plan.bands.count,
               [&](int64_t item, int32_t worker) {
    Arena arena(plan.workers + static_cast<size_t>(worker) * plan.worker_bytes);
    DepthwiseWorker s = depthwise_worker(arena, plan);
    const Band band = band_at(p, plan.bands, item);
    const float* base = band_input(p, plan.bands, band, x, s.copy);
    if (multiplier > 1) {
      const int64_t positions =
          band.images * rows_of_positions(p, plan.bands, band) * plan.bands.width;
      float* out = s.band;
      for (int64_t i = 0; i < positions * p.groups; ++i) {
        for (int64_t m = 0; m < multiplier; ++m) *out++ = base[i];
      }
      base = s.band;
    }
    band_offsets(plan.repeated, plan.bands, band, s.offset);
    depthwise_pixels<4>(base, s.offset, runs, w, plan.channels,
                        y + band.first_pixel * plan.channels, band.pixels);
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_DEPTHWISE_F32_H_
