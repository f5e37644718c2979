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

// The longest segment from `begin` on, before `limit`, whose elements have equal taps.
// `set_taps(element, segment)` says which.
template <typename SetTaps>
inline Segment longest_segment(int64_t begin, int64_t limit, const SetTaps& set_taps) {
  Segment segment{begin, begin + 1, 0, 0};
  set_taps(begin, &segment);
  for (; segment.end < limit; ++segment.end) {
    Segment next = segment;
    set_taps(segment.end, &next);
    if (next.first_tap != segment.first_tap || next.end_tap != segment.end_tap) break;
  }
  return segment;
}

// The segment that begins at pixel `begin` and ends before `limit`; with `all`, every pixel up to
// there and every tap, padding or not. Empty where `begin` is the limit.
inline Segment segment_at(const shiftadd_conv_params& p, int axis, int64_t begin, int64_t limit,
                          bool all) {
  if (all || begin >= limit) return {begin, limit, 0, p.kernel_size[axis]};
  return longest_segment(begin, limit, [&](int64_t pixel, Segment* s) {
    const int64_t start = pixel * p.strides[axis] - p.pad_before[axis];
    const int64_t left = p.in_size[axis] - 1 - start;
    const int64_t end = left < 0 ? 0 : left / p.dilation[axis] + 1;
    s->end_tap = minimum(end, p.kernel_size[axis]);
    s->first_tap = start < 0 ? minimum(ceil_div(-start, p.dilation[axis]), s->end_tap) : 0;
  });
}

// The same for the input gradient: the cells of a phase (phases.h) that are read through the same
// taps.
inline Segment cell_segment_at(const shiftadd_conv_params& p, int axis, int64_t phase,
                               int64_t begin, int64_t limit, bool all) {
  if (all || begin >= limit) return {begin, limit, 0, p.kernel_size[axis]};
  return longest_segment(begin, limit, [&](int64_t cell, Segment* s) {
    // Tap k is read by the output (start - k * dilation) / stride.
    const int64_t start = cell * p.strides[axis] + phase + p.pad_before[axis];
    const int64_t beyond = start - (p.out_size[axis] - 1) * p.strides[axis];
    s->end_tap = minimum(start / p.dilation[axis] + 1, p.kernel_size[axis]);
    s->first_tap = beyond > 0 ? minimum(ceil_div(beyond, p.dilation[axis]), s->end_tap) : 0;
  });
}

// The valid pixels of a tap, along one axis: outputs begin..end-1 read inside the input.
inline void valid_outputs(const shiftadd_conv_params& p, int axis, int64_t tap, int64_t* begin,
                          int64_t* end) {
  const int64_t shift = p.pad_before[axis] - tap * p.dilation[axis];
  const int64_t stride = p.strides[axis];
  *begin = shift > 0 ? ceil_div(shift, stride) : 0;
  const int64_t last = p.in_size[axis] - 1 + shift;
  *end = last < 0 ? 0 : minimum(last / stride + 1, p.out_size[axis]);
  if (*begin > *end) *begin = *end;
}

}  // namespace
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SEGMENTS_H_
