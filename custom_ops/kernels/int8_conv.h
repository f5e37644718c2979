// Int8 convolutions of one instruction set: the way from a call to the inner loops.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_CONV_H_
#define KERAS_SHIFTADD_KERNELS_INT8_CONV_H_

#include <string.h>

#include "int8_depthwise.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

inline size_t int8_scratch(const shiftadd_conv_params& p, int32_t, int32_t threads) {
  return static_cast<size_t>(threads) * Int8Scratch(plan_int8(p, 1), nullptr).size;
}

// Whether packed weights are those of this convolution and of this instruction set.
inline bool fits(const Int8Header& h, const shiftadd_conv_params& p, int32_t op,
                 const void* packed) {
  return h.magic == kInt8Magic && strncmp(h.target, kInt8Target, sizeof(h.target)) == 0 &&
         h.op == op && h.kernel_size[0] == p.kernel_size[0] &&
         h.kernel_size[1] == p.kernel_size[1] && h.run_taps == run_taps(p, h.loop) &&
         h.groups == p.groups && h.channels == p.channels && h.filters == p.filters &&
         (reinterpret_cast<uintptr_t>(packed) + static_cast<uintptr_t>(h.channels_offset)) %
                 alignof(Channels) == 0;
}

struct Int8Call {
  const Int8Plan& plan;
  const Int8Header& header;
  const int8_t* x;
  const Channels* channels;
  const uint8_t* weights;
  int8_t* y;
  char* scratch;
  size_t scratch_of_worker;

  void run(int64_t first_unit, int64_t last_unit, int32_t worker) const {
    const Int8Scratch memory(plan, scratch + static_cast<size_t>(worker) * scratch_of_worker);
    if (!has_depthwise_loop(plan.params)) fill_offsets(plan, header.loop, memory);
    for (int64_t unit = first_unit; unit < last_unit; ++unit) run_unit(unit, memory);
  }

  // One part of the output channels of one group over one band.
  void run_unit(int64_t unit, const Int8Scratch& memory) const {
    const shiftadd_conv_params& p = plan.params;
    const int64_t part = unit % plan.parts;
    const int64_t group = unit / plan.parts % plan.groups;
    const int64_t band = unit / (plan.parts * plan.groups) % plan.bands;
    const int64_t image = unit / (plan.parts * plan.groups * plan.bands);
    const int64_t row = band * plan.rows;
    const int64_t rows = minimum(plan.rows, p.out_size[0] - row);
    if (rows <= 0) return;

    const bool depthwise = has_depthwise_loop(p);
    const int64_t blocks = depthwise ? blocks_of(p) : blocks_of_group(p);
    const int64_t first = blocks * part / plan.parts, last = blocks * (part + 1) / plan.parts;
    const int64_t image_bytes = p.in_size[0] * p.in_size[1] * p.groups * p.channels;
    copy_band(plan, x + image * image_bytes, group, row, rows, header.input_zero,
              input_flip(header.loop), memory.band);

    const int64_t outputs = p.groups * p.filters;
    int8_t* out = y + (image * p.out_size[0] + row) * p.out_size[1] * outputs;
    if (header.loop == Int8Loop::kDepthwiseAdder) {
      depthwise_band<Int8Loop::kDepthwiseAdder>(plan, memory.band, rows, first, last, channels,
                                                weights, header, out);
      return;
    }
    if (header.loop == Int8Loop::kDepthwiseShift) {
      depthwise_band<Int8Loop::kDepthwiseShift>(plan, memory.band, rows, first, last, channels,
                                                weights, header, out);
      return;
    }
    Int8Pixels pixels;
    pixels.band = reinterpret_cast<const uint8_t*>(memory.band);
    pixels.offsets = memory.offsets;
    pixels.tails = nullptr;
    pixels.y = out;
    pixels.y_stride = outputs;
    const int64_t count = rows * p.out_size[1];
    switch (header.loop) {
      case Int8Loop::kAdder:
        dense_band<AdderLanes>(plan, pixels, count, group, first, last, channels, weights, header,
                               memory);
        break;
      case Int8Loop::kMaxAdder:
        dense_band<MaxAdderLanes>(plan, pixels, count, group, first, last, channels, weights,
                                  header, memory);
        break;
      case Int8Loop::kShift:
        dense_band<ShiftLanes>(plan, pixels, count, group, first, last, channels, weights, header,
                               memory);
        break;
      default:
        dense_band<SmallShiftLanes>(plan, pixels, count, group, first, last, channels, weights,
                                    header, memory);
    }
  }
};

inline int int8_conv(const shiftadd_conv_params& p, int32_t op, const int8_t* x,
                     const void* packed, int8_t* y, void* scratch,
                     const shiftadd_parallel& parallel) {
  Int8Header header;
  memcpy(&header, packed, sizeof(header));
  if (!fits(header, p, op, packed)) return SHIFTADD_BAD_ARGUMENT;
  const Int8Plan plan = plan_int8(p, maximum(parallel.threads, 1));
  const char* base = static_cast<const char*>(packed);
  const Int8Call call = {plan,
                         header,
                         x,
                         reinterpret_cast<const Channels*>(base + header.channels_offset),
                         reinterpret_cast<const uint8_t*>(base + header.weights_offset),
                         y,
                         static_cast<char*>(scratch),
                         int8_scratch(p, op, 1)};

  // A few items a thread, so that a thread that comes late takes fewer.
  const int64_t units = plan.params.batch * plan.bands * plan.groups * plan.parts;
  const int64_t items = plan.threads <= 1 ? 1 : minimum<int64_t>(units, 4 * plan.threads);
  const shiftadd_parallel loops = {parallel.parallel_for, parallel.pool, plan.threads};
  parallel_for(loops, items, [&](int64_t item, int32_t worker) {
    call.run(units * item / items, units * (item + 1) / items, worker);
  });
  return SHIFTADD_OK;
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_CONV_H_
