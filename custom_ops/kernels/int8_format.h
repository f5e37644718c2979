// Packed weights of the int8 convolutions: what the layout is, and how they are packed.
//
// Bytes: a header; then, for each block of kFilters output channels of a group, its Channels;
// then the weights of the blocks one after the other. Dense weights of a block are
// [run][step][filter][byte of the step], in the order in which the inner loop reads them; a run is
// a stretch of a window that lies contiguous in memory, filled up with zeros to whole steps.
// Depthwise weights are 32 bits wide, [tap][channel].
#ifndef KERAS_SHIFTADD_KERNELS_INT8_FORMAT_H_
#define KERAS_SHIFTADD_KERNELS_INT8_FORMAT_H_

#include <stdint.h>
#include <string.h>

#include "common.h"
#include "shiftadd.h"

namespace shiftadd {

// How the inner loop of a packed convolution works.
enum class Int8Loop : int32_t {
  kAdder = 0,
  kShift = 1,
  kSmallShift = 2,  // no weight beyond 32 in magnitude
  kDepthwiseAdder = 3,
  kDepthwiseShift = 4,
};

constexpr uint32_t kInt8Magic = 0x38414853;  // "SHA8"

struct Int8Header {
  uint32_t magic;
  char target[12];  // weights of one instruction set mean nothing to another
  Int8Loop loop;
  int32_t op;
  int32_t input_zero;
  int32_t output_zero, low, high;
  int64_t kernel_size[2];
  int64_t contiguous_taps;  // 1 where the kernel is dilated along the width
  int64_t groups, channels, filters;
  int64_t channels_offset, weights_offset;  // from the header, in bytes
};

// What turns the sums of a block of output channels into bytes.
template <int kFilters>
struct Int8Channels {
  int32_t bias[kFilters];
  int32_t multiplier[kFilters];
  int32_t shift_less_32[kFilters];
  int64_t rounding[kFilters];  // 2^(shift - 1); even channels, then odd ones
  int64_t has_short_shift;     // whether a shift lies below 32
};

namespace {

inline bool has_depthwise_loop(const shiftadd_conv_params& p) {
  return p.channels == 1 && p.groups > 1;
}

// Taps that lie side by side in memory: those of a kernel row, unless they are dilated.
inline int64_t contiguous_taps(const shiftadd_conv_params& p) {
  return p.dilation[1] == 1 ? p.kernel_size[1] : 1;
}

// Multiplier and shift, doubled together until the shift is 32 or more, where it can be: the
// quotient then lies in the upper half of the product.
inline void normalize_multiplier(int32_t* multiplier, int32_t* shift) {
  constexpr int64_t kLimit = int64_t{1} << 30;
  while (*shift < 32 && *multiplier < kLimit && *multiplier >= -kLimit) {
    *multiplier *= 2;
    ++*shift;
  }
}

template <int kFilters>
void fill_channels(const shiftadd_requantization& r, int64_t first, int64_t count,
                   const int32_t* bias, Int8Channels<kFilters>* out) {
  memset(out, 0, sizeof(*out));
  for (int64_t i = 0; i < kFilters; ++i) {
    int32_t multiplier = 0, shift = 32;
    if (i < count) {
      multiplier = r.multiplier[first + i];
      shift = r.shift[first + i];
      normalize_multiplier(&multiplier, &shift);
      out->bias[i] = bias[i];
    }
    out->multiplier[i] = multiplier;
    out->shift_less_32[i] = shift - 32;
    out->rounding[i / 2 + (i % 2) * (kFilters / 2)] = int64_t{1} << (shift - 1);
    out->has_short_shift |= shift < 32;
  }
}

// floor((value * multiplier) / 2^shift + 1/2) + zero, clamped.
inline int8_t requantize_one(int32_t value, int32_t multiplier, int32_t shift,
                             const Int8Header& h) {
  const int64_t product = int64_t{value} * multiplier + (int64_t{1} << (shift - 1));
  const int64_t rounded = (product >> shift) + h.output_zero;
  return static_cast<int8_t>(minimum<int64_t>(maximum<int64_t>(rounded, h.low), h.high));
}

}  // namespace
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_FORMAT_H_
