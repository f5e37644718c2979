// Pieces of work of the int8 convolutions: bands of output rows of an image, for one group.
//
// A band's input is copied into the worker's scratch memory, padding included, the channels of
// the group side by side and the sign bit flipped where the loop takes unsigned bytes. Every
// window is then made of runs at fixed distances, and pixels may be taken in any order.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_BANDS_H_
#define KERAS_SHIFTADD_KERNELS_INT8_BANDS_H_

#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Bytes of a band that lie well in the first-level cache beside a block of weights.
constexpr int64_t kInt8BandBytes = 20 * 1024;
// What an inner loop may read behind a run.
constexpr int64_t kOverread = 64;
// Operations below which waking a second thread costs more than it saves. Requantising an output
// counts as many, and so does an operation of a depthwise loop.
constexpr double kInt8SmallWork = 1 << 20;
constexpr int64_t kOutputWork = 64, kDepthwiseWork = 8;

struct Int8Plan {
  shiftadd_conv_params params;  // pointwise convolutions become one long column of pixels
  int64_t copies;               // of a channel, side by side: depthwise filters read one each
  int64_t columns;              // positions of a row of a band
  int64_t channels;             // bytes of a position
  int64_t rows;                 // output rows of a band, at most
  int64_t largest_rows;         // the same for one thread, which the scratch memory is made for
  int64_t bands;                // of an image
  int64_t groups;               // bands of the same rows
  int64_t parts;                // of the output channels of a group
  int32_t threads;
};

inline int64_t extent_of(const shiftadd_conv_params& p, int axis) {
  return (p.kernel_size[axis] - 1) * p.dilation[axis] + 1;
}

inline int64_t input_rows(const shiftadd_conv_params& p, int64_t rows) {
  return (rows - 1) * p.strides[0] + extent_of(p, 0);
}

inline int64_t band_bytes(const Int8Plan& plan, int64_t rows) {
  return input_rows(plan.params, rows) * plan.columns * plan.channels;
}

inline Int8Plan plan_int8(const shiftadd_conv_params& original, int32_t threads) {
  Int8Plan plan;
  plan.params = original;
  shiftadd_conv_params& p = plan.params;
  if (taps_of(p) == 1 && p.strides[0] == 1 && p.strides[1] == 1 && p.batch > 0) {
    p.in_size[0] = p.out_size[0] = p.batch * pixels_of(p);
    p.in_size[1] = p.out_size[1] = 1;
    p.batch = 1;
  }
  const bool depthwise = has_depthwise_loop(p);
  plan.copies = depthwise ? p.filters : 1;
  plan.groups = depthwise ? 1 : p.groups;
  plan.channels = depthwise ? p.groups * p.filters : p.channels;
  plan.columns = (p.out_size[1] - 1) * p.strides[1] + extent_of(p, 1);

  // Rows that two bands share are copied twice: at least twice as many output rows.
  const int64_t row_bytes = plan.columns * plan.channels;
  int64_t rows = (kInt8BandBytes / row_bytes - extent_of(p, 0)) / p.strides[0] + 1;
  rows = maximum(rows, ceil_div(2 * (extent_of(p, 0) - 1), p.strides[0]));
  rows = maximum<int64_t>(minimum(rows, p.out_size[0]), 1);
  plan.largest_rows = rows;

  const int64_t blocks = ceil_div<int64_t>(depthwise ? plan.channels : p.filters, kFilters);
  const int64_t window = taps_of(p) * (depthwise ? kDepthwiseWork : p.channels);
  const double work = static_cast<double>(p.batch * pixels_of(p) * p.groups * p.filters) *
                      static_cast<double>(window + kOutputWork);
  plan.threads = work < kInt8SmallWork ? 1 : threads;
  const int64_t bands_wanted = ceil_div<int64_t>(plan.threads, maximum<int64_t>(p.batch, 1) *
                                                                   plan.groups);
  rows = minimum(rows, ceil_div(p.out_size[0], minimum(bands_wanted, p.out_size[0])));
  plan.bands = ceil_div(p.out_size[0], rows);
  plan.rows = ceil_div(p.out_size[0], plan.bands);
  plan.parts = minimum(blocks, ceil_div(bands_wanted, plan.bands));
  return plan;
}

inline void flip_copy(int8_t* out, const int8_t* in, int64_t count, int8_t flip) {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int8_t>(in[i] ^ flip);
}

// Copies pixels; `in` points at the first channel of a group.
inline int8_t* copy_pixels(const Int8Plan& plan, const int8_t* in, int64_t pixels, int8_t flip,
                           int8_t* out) {
  const int64_t all = plan.params.groups * plan.params.channels;
  if (plan.channels == all && plan.copies == 1) {
    flip_copy(out, in, pixels * all, flip);
    return out + pixels * all;
  }
  for (int64_t pixel = 0; pixel < pixels; ++pixel, in += all) {
    if (plan.copies == 1) {
      flip_copy(out, in, plan.channels, flip);
    } else {
      for (int64_t i = 0; i < plan.channels; ++i) out[i] = in[i / plan.copies];
    }
    out += plan.channels;
  }
  return out;
}

// Copies the input of the output rows first_row.. of an image. `x` points at the image.
inline void copy_band(const Int8Plan& plan, const int8_t* x, int64_t group, int64_t first_row,
                      int64_t rows, int32_t input_zero, int8_t flip, int8_t* out) {
  const shiftadd_conv_params& p = plan.params;
  const int fill = static_cast<int8_t>(input_zero ^ flip);
  const int64_t all = p.groups * p.channels;
  const int64_t top = first_row * p.strides[0] - p.pad_before[0];
  const int64_t before = minimum(p.pad_before[1], plan.columns);
  const int64_t inside =
      maximum<int64_t>(minimum(plan.columns - before, p.in_size[1]), 0);
  const int64_t after = plan.columns - before - inside;
  const int64_t end = top + input_rows(p, rows);
  const auto pad = [&](int64_t pixels) {
    memset(out, fill, static_cast<size_t>(pixels * plan.channels));
    out += pixels * plan.channels;
  };
  const int64_t first = minimum(maximum<int64_t>(top, 0), end);
  const int64_t last = maximum(minimum(end, p.in_size[0]), first);
  const int8_t* in = x + first * p.in_size[1] * all + group * p.channels;
  pad((first - top) * plan.columns);
  if (inside == plan.columns && inside == p.in_size[1]) {
    out = copy_pixels(plan, in, (last - first) * inside, flip, out);
  } else {
    for (int64_t row = first; row < last; ++row, in += p.in_size[1] * all) {
      pad(before);
      out = copy_pixels(plan, in, inside, flip, out);
      pad(after);
    }
  }
  pad((end - last) * plan.columns);
  memset(out, fill, kOverread);
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_BANDS_H_
