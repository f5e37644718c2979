// The inner loops of dense int8 convolutions, over the copy of a band.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_DENSE_H_
#define KERAS_SHIFTADD_KERNELS_INT8_DENSE_H_

#include <string.h>

#include "int8_bands.h"
#include "int8_pack.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// The runs of a window: distances in bytes from the window's first byte.
struct Int8Window {
  int64_t rows, row_stride;
  int64_t columns, column_stride;
  int64_t length;  // bytes of a run
};

inline Int8Window window_of(const Int8Plan& plan) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t taps = contiguous_taps(p);
  Int8Window window;
  window.rows = p.kernel_size[0];
  window.row_stride = p.dilation[0] * plan.columns * plan.channels;
  window.columns = p.kernel_size[1] / taps;
  window.column_stride = p.dilation[1] * plan.channels;
  window.length = taps * plan.channels;
  return window;
}

// The pixels of a band and where their output goes.
struct Int8Pixels {
  const uint8_t* band;
  const int64_t* offsets;  // of the first byte of each pixel's window
  const int32_t* tails;    // for each pixel, or null
  int8_t* y;
  int64_t y_stride;
};

// The sum of the bytes that lie behind the runs' ends, up to whole steps: what they add to a sum
// of absolute differences from weights of 0.
template <int kStep>
int32_t tail_sum(const uint8_t* x, const Int8Window& window, uint64_t mask) {
  constexpr uint64_t kEveryOther = 0x00ff00ff00ff00ff, kOnes = 0x0001000100010001;
  const int64_t last = window.length / kStep * kStep;
  uint64_t sum = 0;
  for (int64_t r = 0; r < window.rows; ++r) {
    for (int64_t c = 0; c < window.columns; ++c) {
      uint64_t bytes = 0;
      memcpy(&bytes, x + r * window.row_stride + c * window.column_stride + last, kStep);
      bytes &= mask;
      sum += ((bytes & kEveryOther) + (bytes >> 8 & kEveryOther)) * kOnes >> 48;
    }
  }
  return static_cast<int32_t>(sum);
}

template <int kStep>
void fill_tails(const Int8Pixels& pixels, int64_t count, const Int8Window& window,
                int32_t* tails) {
  uint8_t in_tail[sizeof(uint64_t)] = {};
  for (int64_t i = window.length % kStep; i < kStep; ++i) in_tail[i] = 0xff;
  uint64_t mask;
  memcpy(&mask, in_tail, sizeof(mask));
  for (int64_t i = 0; i < count; ++i) {
    tails[i] = tail_sum<kStep>(pixels.band + pixels.offsets[i], window, mask);
  }
}

inline void fill_offsets(const Int8Plan& plan, int64_t rows, int64_t* offsets) {
  const shiftadd_conv_params& p = plan.params;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t offset = row * p.strides[0] * plan.columns * plan.channels;
    for (int64_t column = 0; column < p.out_size[1]; ++column) {
      *offsets++ = offset;
      offset += p.strides[1] * plan.channels;
    }
  }
}

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
                const Int8Header& h, int32_t* tails) {
  const shiftadd_conv_params& p = plan.params;
  const Int8Window window = window_of(plan);
  if (Lanes::kSubtracts && window.length % Lanes::kStep != 0) {
    fill_tails<Lanes::kStep>(pixels, count, window, tails);
    pixels.tails = tails;
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
