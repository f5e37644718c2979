// The adder convolution of float32 tensors: y = -sum |x - w|.
//
// The output pixels of a piece of work (a band of rows, or some whole images) are numbered
// through. A register block holds some of them times one to three vectors of filters; every pixel
// has a base pointer, and what a window reads are runs of consecutive floats at the same offsets
// from it. Where there is padding, the band is copied once with its border of zeros; without, the
// input itself is read.
//
// What of a window lies in the padding adds sum |w| over those elements, whatever the input: a
// small feature map would spend a fifth of its time there. Pixels are therefore taken in groups
// that meet the same elements, and the sums for the others are added from a table.
#ifndef KERAS_SHIFTADD_KERNELS_FORWARD_F32_H_
#define KERAS_SHIFTADD_KERNELS_FORWARD_F32_H_

#include "bands.h"
#include "common.h"
#include "depthwise_f32.h"
#include "forward_block_f32.h"
#include "segments.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

struct ForwardPlan {
  BandPlan bands;
  int64_t splits;
  bool leaves_out_padding;
  bool max_form;
  bool packed;       // false: the kernel is read where it lies
  int64_t lanes;     // filters a group, rounded up to vectors
  int64_t window;    // elements of a window
  float* packed_w;
  float *tap_sum, *tap_abs_sum;  // (taps, lanes): sums over the channels
  char* workers;
  size_t worker_bytes;
};

struct ForwardWorker {
  float* band;
  int64_t *pixel_offset, *pixel_number;
  int64_t *run_offset, *run_element;
  float *sum, *abs_sum;      // of each position of the band
  float *box, *abs_box;      // of each window
  float *w_sum, *w_abs_sum, *padding_sum;
};

inline ForwardWorker forward_worker(Arena& arena, const ForwardPlan& plan) {
  ForwardWorker s;
  s.band = arena.take<float>(plan.bands.copies ? plan.bands.band_elements : 0);
  s.pixel_offset = arena.take<int64_t>(plan.bands.band_pixels);
  s.pixel_number = arena.take<int64_t>(plan.bands.band_pixels);
  s.run_offset = arena.take<int64_t>(taps_of(plan.bands.params));
  s.run_element = arena.take<int64_t>(taps_of(plan.bands.params));
  const int64_t sums = plan.max_form ? plan.bands.band_positions : 0;
  s.sum = arena.take<float>(sums);
  s.abs_sum = arena.take<float>(sums);
  s.box = arena.take<float>(plan.max_form ? plan.bands.band_pixels : 0);
  s.abs_box = arena.take<float>(plan.max_form ? plan.bands.band_pixels : 0);
  s.w_sum = arena.take<float>(plan.lanes);
  s.w_abs_sum = arena.take<float>(plan.lanes);
  s.padding_sum = arena.take<float>(plan.lanes);
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
  plan->leaves_out_padding = plan->bands.copies && p.groups == 1 && pixels > 16;
  plan->lanes = round_up<int64_t>(p.filters, kLanes);
  // Packing costs as much as a few pixels of work.
  plan->packed = p.filters % kLanes != 0 || p.groups > 1 || pixels > 32;
  plan->splits = splits_of(plan->bands.one_thread, threads, plan->bands.count,
                           plan->lanes / kLanes / kUsualVectors);
  Arena arena(scratch);
  plan->packed_w = arena.take<float>(plan->packed ? p.groups * plan->window * plan->lanes : 0);
  const int64_t sums = plan->max_form || plan->leaves_out_padding ? taps_of(p) * plan->lanes : 0;
  plan->tap_sum = arena.take<float>(sums);
  plan->tap_abs_sum = arena.take<float>(sums);
  Arena worker(nullptr);
  forward_worker(worker, *plan);
  plan->worker_bytes = round_up<size_t>(worker.size(), kAlignment);
  plan->workers = arena.take<char>(static_cast<int64_t>(plan->worker_bytes) * threads);
  return arena.size();
}

inline void pack_forward(const shiftadd_conv_params& p, const ForwardPlan& plan, const float* w) {
  const int64_t window = plan.window, taps = taps_of(p);
  if (plan.max_form || plan.leaves_out_padding) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      float* sums = plan.tap_sum + tap * plan.lanes;
      float* magnitudes = plan.tap_abs_sum + tap * plan.lanes;
      for (int64_t f = 0; f < plan.lanes; ++f) sums[f] = magnitudes[f] = 0.0f;
      for (int64_t k = tap * p.channels; k < (tap + 1) * p.channels; ++k) {
        for (int64_t f = 0; f < p.filters; ++f) {
          const float value = w[k * p.filters + f];
          sums[f] += value;
          magnitudes[f] += value < 0.0f ? -value : value;
        }
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

// The sums over the elements of the kernel that a group of pixels meets, and over the others.
inline void sum_kernel(const shiftadd_conv_params& p, const ForwardPlan& plan, const Segment& rows,
                       const Segment& columns, ForwardWorker& s) {
  for (int64_t f = 0; f < plan.lanes; ++f) s.w_sum[f] = s.w_abs_sum[f] = s.padding_sum[f] = 0.0f;
  for (int64_t ky = 0; ky < p.kernel_size[0]; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_size[1]; ++kx) {
      const int64_t at = (ky * p.kernel_size[1] + kx) * plan.lanes;
      const float* sums = plan.tap_sum + at;
      const float* magnitudes = plan.tap_abs_sum + at;
      if (rows.meets(ky) && columns.meets(kx)) {
        for (int64_t f = 0; f < plan.lanes; ++f) s.w_sum[f] += sums[f];
        for (int64_t f = 0; f < plan.lanes; ++f) s.w_abs_sum[f] += magnitudes[f];
      } else {
        for (int64_t f = 0; f < plan.lanes; ++f) s.padding_sum[f] += magnitudes[f];
      }
    }
  }
}

// The pixels of a band in some rows and columns of the output.
inline PixelList list_pixels(const shiftadd_conv_params& p, const BandPlan& plan, const Band& band,
                             const Segment& rows, const Segment& columns, ForwardWorker& s) {
  PixelList list{0, s.pixel_offset, s.pixel_number};
  const int64_t channels = p.groups * p.channels;
  const int64_t image_rows = rows_of_positions(p, plan, band);
  for (int64_t image = 0; image < band.images; ++image) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const int64_t r = row - band.row;
      const int64_t position = (image * image_rows + r * p.strides[0]) * plan.width;
      const int64_t number = (image * band.rows + r) * p.out_size[1];
      for (int64_t column = columns.begin; column < columns.end; ++column) {
        list.offset[list.count] = (position + column * p.strides[1]) * channels;
        list.number[list.count++] = number + column;
      }
    }
  }
  return list;
}

// All filters of the pixels of a list.
inline void forward_list(const shiftadd_conv_params& p, const ForwardPlan& plan,
                         const PixelList& list, const Runs& runs, bool meets_padding,
                         int64_t split, const float* base, const float* w, float* y,
                         const ForwardWorker& s) {
  for (int64_t group = 0; group < p.groups; ++group) {
    const float* packed = plan.packed_w + group * plan.window * plan.lanes;
    int64_t turn = 0;
    for (int64_t f = 0, vectors; f < plan.lanes; f += vectors * kLanes) {
      vectors = block_vectors((plan.lanes - f) / kLanes);
      if (turn++ % plan.splits != split) continue;
      ForwardBlock b;
      b.runs = &runs;
      b.w = plan.packed ? packed + plan.window * f : w + f;
      b.w_stride = plan.packed ? vectors * kLanes : p.filters;
      b.w_sum = plan.max_form ? s.w_sum + f : nullptr;
      b.w_abs_sum = s.w_abs_sum + f;
      b.padding_sum = meets_padding ? s.padding_sum + f : nullptr;
      b.filters = p.filters - f;
      b.y_stride = p.groups * p.filters;
      const float* from = base + group * p.channels;
      float* to = y + group * p.filters + f;
      if (vectors == 1) {
        forward_pixels<kBlock1, 1>(b, from, list, s.box, s.abs_box, to);
      } else if (vectors == 2) {
        forward_pixels<kBlock2, 2>(b, from, list, s.box, s.abs_box, to);
      } else if (vectors == 3) {
        forward_pixels<kBlock3, 3>(b, from, list, s.box, s.abs_box, to);
      } else {
        forward_pixels<kBlock4, 4>(b, from, list, s.box, s.abs_box, to);
      }
    }
  }
}

inline void forward_band(const shiftadd_conv_params& p, const ForwardPlan& plan, const Band& band,
                         int64_t split, const float* x, const float* w, float* y,
                         ForwardWorker& s) {
  const float* base = band_input(p, plan.bands, band, x, s.band);
  if (plan.max_form) {
    sum_positions(p, plan.bands, band, base, s.sum, s.abs_sum);
    box_sums(p, plan.bands, band, s.sum, s.abs_sum, s.box, s.abs_box);
  }
  float* out = y + band.first_pixel * p.groups * p.filters;
  const bool all = !plan.leaves_out_padding;
  const int64_t last_row = band.row + band.rows;
  for (Segment rows = segment_at(p, 0, band.row, last_row, all); rows.begin < rows.end;
       rows = segment_at(p, 0, rows.end, last_row, all)) {
    for (Segment columns = segment_at(p, 1, 0, p.out_size[1], all); columns.begin < columns.end;
         columns = segment_at(p, 1, columns.end, p.out_size[1], all)) {
      if (plan.max_form || plan.leaves_out_padding) sum_kernel(p, plan, rows, columns, s);
      const Runs runs = make_runs(p, plan.bands, rows, columns, s.run_offset, s.run_element);
      const PixelList list = list_pixels(p, plan.bands, band, rows, columns, s);
      const bool meets_padding = rows.taps() * columns.taps() < taps_of(p);
      forward_list(p, plan, list, runs, meets_padding, split, base, w, out, s);
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
