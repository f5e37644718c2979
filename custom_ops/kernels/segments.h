// Along one axis: the output pixels whose windows meet the same taps inside of the input.
#ifndef KERAS_SHIFTADD_KERNELS_SEGMENTS_H_
#define KERAS_SHIFTADD_KERNELS_SEGMENTS_H_

#include "common.h"

namespace shiftadd {
namespace {

struct Segment {
  int64_t begin, end;          // output pixels
  int64_t first_tap, end_tap;  // taps that read the input; the others read padding

  bool meets(int64_t tap) const { return tap >= first_tap && tap < end_tap; }
  int64_t taps() const { return end_tap - first_tap; }
};

// Sets the taps of the segment of output pixel `at`.
inline void set_taps(const shiftadd_conv_params& p, int axis, int64_t at, Segment* segment) {
  const int64_t start = at * p.strides[axis] - p.pad_before[axis];
  const int64_t dilation = p.dilation[axis], taps = p.kernel_size[axis];
  const int64_t first = start >= 0 ? 0 : ceil_div(-start, dilation);
  const int64_t left = p.in_size[axis] - 1 - start;
  const int64_t end = left < 0 ? 0 : left / dilation + 1;
  segment->end_tap = minimum(end, taps);
  segment->first_tap = minimum(first, segment->end_tap);
}

// The segment that begins at pixel `begin` and ends before `limit`; with `all`, every pixel up to
// there and every tap, padding or not. Empty where `begin` is the limit.
inline Segment segment_at(const shiftadd_conv_params& p, int axis, int64_t begin, int64_t limit,
                          bool all) {
  Segment segment{begin, limit, 0, p.kernel_size[axis]};
  if (all || begin >= limit) return segment;
  set_taps(p, axis, begin, &segment);
  for (segment.end = begin + 1; segment.end < limit; ++segment.end) {
    Segment next = segment;
    set_taps(p, axis, segment.end, &next);
    if (next.first_tap != segment.first_tap || next.end_tap != segment.end_tap) break;
  }
  return segment;
}

}  // namespace
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SEGMENTS_H_
