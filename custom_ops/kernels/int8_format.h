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

// The inner loops are made of small functions whose vectors must stay in registers.
#define SHIFTADD_INLINE inline __attribute__((always_inline))
#define SHIFTADD_NOINLINE __attribute__((noinline))

namespace shiftadd {

// How the inner loop of a packed convolution works.
enum class Int8Loop : int32_t {
  kAdder = 0,
  kShift = 1,
  kSmallShift = 2,  // no weight beyond 32 in magnitude
  kDepthwiseAdder = 3,
  kDepthwiseShift = 4,
  kMaxAdder = 5,  // the adder as 2 sum max(x, w) - sum x - sum w
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
  int64_t run_taps;
  int64_t groups, channels, filters;
  int64_t channels_offset, weights_offset;  // from the header, in bytes
};

// What turns the sums of a block of output channels into bytes:
//     (sum * multiplier + addend) >> shift, clamped.
// The order of the channels is that of the vectors' lanes, which the operator's Lanes say.
template <int kFilters>
struct Int8Channels {
  int64_t multiplier[kFilters];
  int64_t addend[kFilters];  // bias * multiplier + 2^(shift - 1) + (output_zero << shift)
  int32_t shift[kFilters];
  // Whether a shift lies outside of kLeastShift..kMostShift; output_zero is then not part of the
  // addends.
  int64_t has_unusual_shift;
};

// From 32 on, quotients lie in the upper half of the product; up to 54, output_zero << shift
// still fits.
constexpr int32_t kLeastShift = 32, kMostShift = 54;

namespace {

inline bool has_depthwise_loop(const shiftadd_conv_params& p) {
  return p.channels == 1 && p.groups > 1;
}

// Taps that lie side by side in memory: those of a kernel row, unless they are dilated.
inline int64_t neighbour_taps(const shiftadd_conv_params& p) {
  return p.dilation[1] == 1 ? p.kernel_size[1] : 1;
}

// Multiplier and shift, doubled together until the shift is kLeastShift, where it can be.
inline void normalize_multiplier(int32_t* multiplier, int32_t* shift) {
  constexpr int32_t kLimit = 1 << 30;
  while (*shift < kLeastShift && *multiplier < kLimit && *multiplier >= -kLimit) {
    *multiplier *= 2;
    ++*shift;
  }
}

// Fills in one block: `bias`, `multiplier` and `shift` are those of its `count` output channels.
template <typename Lanes, int kFilters>
void fill_channels(const int32_t* bias, const int32_t* multiplier, const int32_t* shift,
                   int64_t count, int32_t output_zero, Int8Channels<kFilters>* out) {
  memset(static_cast<void*>(out), 0, sizeof(*out));
  for (int lane = 0; lane < kFilters; ++lane) {
    const int filter = Lanes::filter_of_lane(lane);
    int32_t m = 0, s = kLeastShift, b = 0;
    if (filter < count) {
      m = multiplier[filter];
      s = shift[filter];
      b = bias[filter];
      normalize_multiplier(&m, &s);
    }
    out->multiplier[lane] = m;
    out->addend[lane] = int64_t{b} * m + (int64_t{1} << (s - 1));
    out->shift[filter] = s;
    if (s < kLeastShift || s > kMostShift) out->has_unusual_shift = 1;
  }
  if (out->has_unusual_shift) return;
  for (int lane = 0; lane < kFilters; ++lane) {
    const int32_t s = out->shift[Lanes::filter_of_lane(lane)];
    out->addend[lane] += int64_t{output_zero} * (int64_t{1} << s);
  }
}

// memcpy of a few bytes, without a call.
SHIFTADD_INLINE void copy_bytes(int8_t* out, const int8_t* in, int64_t count) {
  int64_t at = 0;
  for (; at + 4 <= count; at += 4) memcpy(out + at, in + at, 4);
  for (; at < count; ++at) out[at] = in[at];
}

inline int8_t clamp_int8(int64_t value, const Int8Header& h) {
  return static_cast<int8_t>(minimum<int64_t>(maximum<int64_t>(value, h.low), h.high));
}

}  // namespace
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_FORMAT_H_
