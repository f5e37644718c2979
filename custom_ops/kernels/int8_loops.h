// Which inner loop serves an int8 convolution, and what that means for its weights and windows.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_LOOPS_H_
#define KERAS_SHIFTADD_KERNELS_INT8_LOOPS_H_

#include "int8_format.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

using Channels = Int8Channels<kFilters>;

inline int64_t blocks_of_group(const shiftadd_conv_params& p) {
  return ceil_div<int64_t>(p.filters, kFilters);
}

inline int64_t blocks_of(const shiftadd_conv_params& p) {
  if (has_depthwise_loop(p)) return ceil_div<int64_t>(p.groups * p.filters, kFilters);
  return p.groups * blocks_of_group(p);
}

inline bool is_adder(Int8Loop loop) {
  return loop == Int8Loop::kAdder || loop == Int8Loop::kMaxAdder;
}

// Bytes of a window that a dense loop takes at once.
inline int64_t step_of(Int8Loop loop) {
  if (is_adder(loop)) return AdderLanes::kStep;
  return loop == Int8Loop::kShift ? ShiftLanes::kStep : SmallShiftLanes::kStep;
}

inline bool is_depthwise(Int8Loop loop) {
  return loop == Int8Loop::kDepthwiseAdder || loop == Int8Loop::kDepthwiseShift;
}

// Whether windows of short runs, as a first layer has them, are gathered into one run each:
// filling up every run to whole steps would cost a quarter more. Shift loops mostly take shorter
// steps, and need not correct for what lies behind a run.
inline bool gathers(const shiftadd_conv_params& p, Int8Loop loop) {
  constexpr int64_t kLongest = 256;
  const int64_t step = step_of(loop), run = neighbour_taps(p) * p.channels;
  const int64_t window = taps_of(p) * p.channels;
  return loop == Int8Loop::kAdder && window <= kLongest &&
         4 * (window / run) * round_up(run, step) >= 5 * round_up(window, step);
}

// Taps of a run.
inline int64_t run_taps(const shiftadd_conv_params& p, Int8Loop loop) {
  return gathers(p, loop) ? taps_of(p) : neighbour_taps(p);
}

inline int64_t block_weight_bytes(const shiftadd_conv_params& p, Int8Loop loop) {
  if (is_depthwise(loop)) return taps_of(p) * kFilters * static_cast<int64_t>(sizeof(int32_t));
  const int64_t taps = run_taps(p, loop);
  return taps_of(p) / taps * round_up(taps * p.channels, step_of(loop)) * kFilters;
}

// Whether a window meets enough weights to pay for its sum.
inline bool has_max_adder(const shiftadd_conv_params& p) {
  constexpr int64_t kLeastWork = 32 * 1024, kLongest = 64 * 1024;
  const int64_t window = taps_of(p) * p.channels;
  return kHasMaxAdder && neighbour_taps(p) * p.channels % AdderLanes::kStep == 0 &&
         window <= kLongest && p.filters >= kLeastWork / window;
}

inline Int8Loop choose_loop(const shiftadd_conv_params& p, int32_t op, int32_t largest) {
  if (has_depthwise_loop(p)) {
    return op == SHIFTADD_ADDER ? Int8Loop::kDepthwiseAdder : Int8Loop::kDepthwiseShift;
  }
  if (op == SHIFTADD_ADDER) return has_max_adder(p) ? Int8Loop::kMaxAdder : Int8Loop::kAdder;
  return largest <= 32 ? Int8Loop::kSmallShift : Int8Loop::kShift;
}

// What is xored to the input, so that it becomes what the loop takes.
inline int8_t input_flip(Int8Loop loop) {
  switch (loop) {
    case Int8Loop::kAdder:
    case Int8Loop::kMaxAdder:
      return AdderLanes::kFlipsInput ? -128 : 0;
    case Int8Loop::kShift:
    case Int8Loop::kSmallShift:
      static_assert(ShiftLanes::kFlipsInput == SmallShiftLanes::kFlipsInput, "one copy for both");
      return ShiftLanes::kFlipsInput ? -128 : 0;
    default:
      return 0;
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_LOOPS_H_
