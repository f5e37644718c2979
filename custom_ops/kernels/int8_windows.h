// Where the windows of a band lie, and what makes short runs cheap.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_WINDOWS_H_
#define KERAS_SHIFTADD_KERNELS_INT8_WINDOWS_H_

#include <string.h>

#include "int8_bands.h"
#include "int8_pack.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Gathering copies runs in chunks. What a chunk writes behind its run, the next run overwrites;
// behind the last one there is room for it, and for eight bytes of zeros.
constexpr int64_t kGatherChunk = 16;

inline int64_t gathered_stride(const shiftadd_conv_params& p) {
  const int64_t window = taps_of(p) * p.channels, run = neighbour_taps(p) * p.channels;
  return round_up<int64_t>(maximum(window - run + round_up(run, kGatherChunk), window + 8), 8);
}

// The memory of a worker.
struct Int8Scratch {
  Int8Scratch(const Int8Plan& plan, void* base) {
    const shiftadd_conv_params& p = plan.params;
    const int64_t pixels = plan.largest_rows * p.out_size[1];
    Arena arena(base);
    band = arena.take<int8_t>(band_bytes(plan, plan.largest_rows) + kOverread);
    offsets = arena.take<int64_t>(pixels);
    tails = arena.take<int32_t>(pixels);
    gathered = nullptr;
    gathered_offsets = nullptr;
    if (!has_depthwise_loop(p) && gathers(p, Int8Loop::kAdder)) {
      gathered = arena.take<uint8_t>(pixels * gathered_stride(p));
      gathered_offsets = arena.take<int64_t>(pixels);
    }
    size = arena.size();
  }

  int8_t* band;
  int64_t* offsets;  // of the windows in the band
  int32_t* tails;
  uint8_t* gathered;
  int64_t* gathered_offsets;
  size_t size;
};

// The runs of a window: distances in bytes from the window's first byte.
struct Int8Window {
  int64_t rows, row_stride;
  int64_t columns, column_stride;
  int64_t length;  // bytes of a run
};

// In the copy of a band.
inline Int8Window window_of(const Int8Plan& plan) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t taps = neighbour_taps(p);
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

// The sum of all bytes of every window, whose runs have whole steps.
inline void fill_window_sums(const Int8Pixels& pixels, int64_t count, const Int8Window& window,
                             int32_t* sums) {
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t* x = pixels.band + pixels.offsets[i];
    ByteSum sum;
    for (int64_t r = 0; r < window.rows; ++r) {
      for (int64_t c = 0; c < window.columns; ++c) {
        sum.add(x + r * window.row_stride + c * window.column_stride, window.length);
      }
    }
    sums[i] = sum.total();
  }
}

// Copies every window of a band into one run with zeros behind.
inline void gather_windows(const shiftadd_conv_params& p, const Int8Pixels& pixels, int64_t count,
                           const Int8Window& window, uint8_t* out) {
  const int64_t stride = gathered_stride(p);
  int64_t at = 0;
  for (int64_t r = 0; r < window.rows; ++r) {
    for (int64_t c = 0; c < window.columns; ++c) {
      const int64_t run = r * window.row_stride + c * window.column_stride;
      for (int64_t chunk = 0; chunk < window.length; chunk += kGatherChunk) {
        const uint8_t* from = pixels.band + run + chunk;
        uint8_t* to = out + at + chunk;
        for (int64_t i = 0; i < count; ++i) {
          memcpy(to + i * stride, from + pixels.offsets[i], kGatherChunk);
        }
      }
      at += window.length;
    }
  }
  const uint64_t zeros = 0;
  for (int64_t i = 0; i < count; ++i) memcpy(out + i * stride + at, &zeros, sizeof(zeros));
}

inline void fill_offsets(const Int8Plan& plan, Int8Loop loop, const Int8Scratch& scratch) {
  const shiftadd_conv_params& p = plan.params;
  if (gathers(p, loop)) {
    for (int64_t i = 0; i < plan.rows * p.out_size[1]; ++i) {
      scratch.gathered_offsets[i] = i * gathered_stride(p);
    }
  }
  int64_t* offsets = scratch.offsets;
  for (int64_t row = 0; row < plan.rows; ++row) {
    int64_t offset = row * p.strides[0] * plan.columns * plan.channels;
    for (int64_t column = 0; column < p.out_size[1]; ++column) {
      *offsets++ = offset;
      offset += p.strides[1] * plan.channels;
    }
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_WINDOWS_H_
