// The inner loops of dense int8 convolutions, over the copy of a band.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_DENSE_H_
#define KERAS_SHIFTADD_KERNELS_INT8_DENSE_H_

#include "int8_windows.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Requantises pixels of a block whose shifts lie outside of what the vectors take.
template <typename Lanes>
SHIFTADD_NOINLINE void store_unusual(const int32_t* sums, int64_t pixels, const Channels& c,
                                     const Int8Header& h, int64_t count, int8_t* y,
                                     int64_t y_stride) {
  for (int64_t i = 0; i < pixels; ++i) {
    for (int lane = 0; lane < kFilters; ++lane) {
      const int filter = Lanes::filter_of_lane(lane);
      if (filter >= count) continue;
      const int64_t product = sums[i * kFilters + lane] * c.multiplier[lane];
      const int64_t sum = c.addend[lane] + (Lanes::kSubtracts ? -product : product);
      y[i * y_stride + filter] = clamp_int8((sum >> c.shift[filter]) + h.output_zero, h);
    }
  }
}

// Writes the pixels of a tile. `Whole` blocks have kFilters output channels, others `count`.
template <typename Lanes, int kPixels, bool Whole>
SHIFTADD_INLINE void store_tile(const typename Lanes::Sums (&sums)[kPixels], const Channels& c,
                                const Int8Header& h, int64_t count, int8_t* y, int64_t y_stride) {
  if (c.has_unusual_shift) {
    int32_t all[kPixels * kFilters];
#pragma GCC unroll 16
    for (int i = 0; i < kPixels; ++i) store_totals(Lanes::totals(sums[i]), all + i * kFilters);
    store_unusual<Lanes>(all, kPixels, c, h, count, y, y_stride);
    return;
  }
  const Requantizer<Lanes> requantizer(c, h);
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) {
    if (Whole) {
      requantizer.store(Lanes::totals(sums[i]), y + i * y_stride);
    } else {
      int8_t bytes[kFilters];
      requantizer.store(Lanes::totals(sums[i]), bytes);
      copy_bytes(y + i * y_stride, bytes, count);
    }
  }
}

// kPixels pixels from `first` on, times one block of output channels.
template <typename Lanes, int kPixels, bool Whole>
void dense_tile(const Int8Pixels& pixels, int64_t first, const Int8Window& window,
                const uint8_t* w, const Channels& c, const Int8Header& h, int64_t count) {
  const uint8_t* base[kPixels];
  typename Lanes::Sums sums[kPixels];
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) {
    base[i] = pixels.band + pixels.offsets[first + i];
    sums[i] = Lanes::start(pixels.tails == nullptr ? 0 : pixels.tails[first + i]);
  }
  for (int64_t r = 0; r < window.rows; ++r) {
    for (int64_t k = 0; k < window.columns; ++k) {
      const int64_t begin = r * window.row_stride + k * window.column_stride;
      for (int64_t at = begin; at < begin + window.length; at += Lanes::kStep) {
        const typename Lanes::Weights weights = Lanes::load(w);
        w += Lanes::kStep * kFilters;
#pragma GCC unroll 16
        for (int i = 0; i < kPixels; ++i) {
          Lanes::add_step(sums[i], Lanes::broadcast(base[i] + at), weights);
        }
      }
    }
  }
  store_tile<Lanes, kPixels, Whole>(sums, c, h, count, pixels.y + first * pixels.y_stride,
                                    pixels.y_stride);
}

template <typename Lanes, bool Whole>
void dense_block(const Int8Pixels& pixels, int64_t count, const Int8Window& window,
                 const uint8_t* w, const Channels& c, const Int8Header& h, int64_t filters) {
  constexpr int kMost = Lanes::kPixels;
  int64_t i = 0;
  for (; i + kMost <= count; i += kMost) {
    dense_tile<Lanes, kMost, Whole>(pixels, i, window, w, c, h, filters);
  }
  if (kMost > 4 && i + 4 <= count) {
    dense_tile<Lanes, 4, Whole>(pixels, i, window, w, c, h, filters);
    i += 4;
  }
  if (kMost > 2 && i + 2 <= count) {
    dense_tile<Lanes, 2, Whole>(pixels, i, window, w, c, h, filters);
    i += 2;
  }
  if (i < count) dense_tile<Lanes, 1, Whole>(pixels, i, window, w, c, h, filters);
}

// The blocks first..last of a group over one band of `count` pixels.
template <typename Lanes>
void dense_band(const Int8Plan& plan, Int8Pixels pixels, int64_t count, int64_t group,
                int64_t first, int64_t last, const Channels* channels, const uint8_t* weights,
                const Int8Header& h, const Int8Scratch& scratch) {
  const shiftadd_conv_params& p = plan.params;
  Int8Window window = window_of(plan);
  if (h.loop == Int8Loop::kMaxAdder) {
    fill_window_sums(pixels, count, window, scratch.tails);
    pixels.tails = scratch.tails;
  } else if (gathers(p, h.loop)) {
    gather_windows(p, pixels, count, window, scratch.gathered);
    window = {1, 0, 1, 0, taps_of(p) * p.channels};
    pixels.band = scratch.gathered;
    pixels.offsets = scratch.gathered_offsets;
  } else if (Lanes::kSubtracts && window.length % Lanes::kStep != 0) {
    fill_tails<Lanes::kStep>(pixels, count, window, scratch.tails);
    pixels.tails = scratch.tails;
  }
  const int64_t bytes = block_weight_bytes(p, h.loop), blocks = blocks_of_group(p);
  int8_t* y = pixels.y + group * p.filters;
  for (int64_t block = first; block < last; ++block) {
    const int64_t filters = minimum<int64_t>(kFilters, p.filters - block * kFilters);
    const Channels& c = channels[group * blocks + block];
    const uint8_t* w = weights + (group * blocks + block) * bytes;
    pixels.y = y + block * kFilters;
    if (filters == kFilters) {
      dense_block<Lanes, true>(pixels, count, window, w, c, h, filters);
    } else {
      dense_block<Lanes, false>(pixels, count, window, w, c, h, filters);
    }
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_DENSE_H_
