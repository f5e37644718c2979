// Packs the weights of an int8 convolution; int8_format.h says how they lie.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_PACK_H_
#define KERAS_SHIFTADD_KERNELS_INT8_PACK_H_

#include <string.h>

#include "int8_loops.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Room to align the sections, wherever the caller's buffer begins.
constexpr int64_t kSectionSlack = 2 * static_cast<int64_t>(kAlignment);

inline size_t int8_packed_size(const shiftadd_conv_params& p, int32_t op) {
  // The loop for large shift weights may need another number of steps than that for small ones.
  const int64_t weights = maximum(block_weight_bytes(p, choose_loop(p, op, 0)),
                                  block_weight_bytes(p, choose_loop(p, op, 64)));
  return sizeof(Int8Header) + kSectionSlack +
         static_cast<size_t>(blocks_of(p)) * (sizeof(Channels) + static_cast<size_t>(weights));
}

// Packs one block; what lies behind the end of a run or of the filters is 0.
template <typename Lanes>
void pack_dense_block(const shiftadd_conv_params& p, const int8_t* w, int64_t group,
                      int64_t first_filter, int64_t taps, uint8_t flip, uint8_t* out) {
  const int64_t length = taps * p.channels;
  for (int64_t run = 0; run < taps_of(p) / taps; ++run) {
    for (int64_t step = 0; step < length; step += Lanes::kStep) {
      for (int64_t side = 0; side < Lanes::kStep; side += Lanes::kSideBySide) {
        for (int position = 0; position < kFilters; ++position) {
          const int64_t filter = first_filter + Lanes::filter_of_position(position);
          for (int64_t i = 0; i < Lanes::kSideBySide; ++i) {
            const int64_t byte = step + side + i;
            uint8_t value = 0;
            if (filter < p.filters && byte < length) {
              const int64_t tap = run * taps + byte / p.channels;
              const int64_t channel = byte % p.channels;
              const int64_t at =
                  ((tap * p.groups + group) * p.channels + channel) * p.filters + filter;
              value = static_cast<uint8_t>(w[at]) ^ flip;
            }
            *out++ = value;
          }
        }
      }
    }
  }
}

inline void pack_depthwise_block(const shiftadd_conv_params& p, Int8Loop loop, const int8_t* w,
                                 int64_t first, uint8_t* out) {
  const int64_t outputs = p.groups * p.filters;
  for (int64_t tap = 0; tap < taps_of(p); ++tap) {
    for (int64_t output = first; output < first + kFilters; ++output) {
      int32_t value = output < outputs ? w[tap * outputs + output] : 0;
      if (loop == Int8Loop::kDepthwiseShift) value &= 0xffff;
      memcpy(out, &value, sizeof(value));
      out += sizeof(value);
    }
  }
}

// What a loop's sums leave to the bias: each weight times `factor`, plus `constant`.
struct Int8Fold {
  int64_t factor, constant;
};

inline Int8Fold fold_of(const shiftadd_conv_params& p, Int8Loop loop, int32_t input_zero) {
  switch (loop) {
    case Int8Loop::kMaxAdder:
      // The sum of the weights, with the sign bit flipped.
      return {1, 128 * taps_of(p) * p.channels};
    case Int8Loop::kShift:
    case Int8Loop::kSmallShift:
    case Int8Loop::kDepthwiseShift:
      return {-input_zero + input_flip(loop), 0};
    default:
      return {0, 0};
  }
}

inline int32_t folded_bias(const shiftadd_conv_params& p, const int8_t* w, int64_t output,
                           const Int8Fold& fold, int32_t bias) {
  const int64_t group = output / p.filters, filter = output % p.filters;
  int64_t sum = 0;
  for (int64_t tap = 0; fold.factor != 0 && tap < taps_of(p); ++tap) {
    for (int64_t channel = 0; channel < p.channels; ++channel) {
      sum += w[((tap * p.groups + group) * p.channels + channel) * p.filters + filter];
    }
  }
  return static_cast<int32_t>(bias + fold.factor * sum + fold.constant);
}

template <typename Lanes>
void pack_channels(const shiftadd_conv_params& p, const int8_t* w, const Int8Fold& fold,
                   const shiftadd_requantization& r, int64_t first, int64_t count,
                   Channels* out) {
  int32_t bias[kFilters];
  for (int64_t i = 0; i < count; ++i) {
    bias[i] = folded_bias(p, w, first + i, fold, r.bias[first + i]);
  }
  fill_channels<Lanes>(bias, r.multiplier + first, r.shift + first, count, r.output_zero, out);
}

template <typename Lanes>
void pack_dense(const shiftadd_conv_params& p, Int8Loop loop, const int8_t* w,
                int32_t input_zero, const shiftadd_requantization& r, Channels* channels,
                uint8_t* weights) {
  const int64_t block_bytes = block_weight_bytes(p, loop), taps = run_taps(p, loop);
  const Int8Fold fold = fold_of(p, loop, input_zero);
  // Differences take both sides alike; products take weights as they are.
  const uint8_t flip = is_adder(loop) ? static_cast<uint8_t>(input_flip(loop)) : 0;
  for (int64_t group = 0; group < p.groups; ++group) {
    for (int64_t filter = 0; filter < p.filters; filter += kFilters) {
      const int64_t count = minimum<int64_t>(kFilters, p.filters - filter);
      pack_channels<Lanes>(p, w, fold, r, group * p.filters + filter, count, channels++);
      pack_dense_block<Lanes>(p, w, group, filter, taps, flip, weights);
      weights += block_bytes;
    }
  }
}

inline void pack_depthwise(const shiftadd_conv_params& p, Int8Loop loop, const int8_t* w,
                           int32_t input_zero, const shiftadd_requantization& r,
                           Channels* channels, uint8_t* weights) {
  const int64_t outputs = p.groups * p.filters;
  const Int8Fold fold = fold_of(p, loop, input_zero);
  for (int64_t output = 0; output < outputs; output += kFilters) {
    const int64_t count = minimum<int64_t>(kFilters, outputs - output);
    pack_channels<DepthwiseLanes>(p, w, fold, r, output, count, channels++);
    pack_depthwise_block(p, loop, w, output, weights);
    weights += block_weight_bytes(p, loop);
  }
}

// Takes arguments that shiftadd_conv_int8_pack has checked.
inline int int8_pack(const shiftadd_conv_params& p, int32_t op, const int8_t* w,
                     int32_t input_zero, const shiftadd_requantization& r, void* packed) {
  int32_t largest = 0;
  const int64_t count = taps_of(p) * p.groups * p.channels * p.filters;
  for (int64_t i = 0; i < count; ++i) largest = maximum<int32_t>(largest, w[i] < 0 ? -w[i] : w[i]);

  Int8Header header = {};
  header.magic = kInt8Magic;
  strncpy(header.target, kInt8Target, sizeof(header.target) - 1);
  header.loop = choose_loop(p, op, largest);
  header.op = op;
  header.input_zero = input_zero;
  header.output_zero = r.output_zero;
  header.low = r.low;
  header.high = r.high;
  header.kernel_size[0] = p.kernel_size[0];
  header.kernel_size[1] = p.kernel_size[1];
  header.run_taps = run_taps(p, header.loop);
  header.groups = p.groups;
  header.channels = p.channels;
  header.filters = p.filters;
  const uintptr_t base = reinterpret_cast<uintptr_t>(packed);
  const uintptr_t channels_at = round_up<uintptr_t>(base + sizeof(header), kAlignment);
  const uintptr_t weights_at = round_up<uintptr_t>(
      channels_at + static_cast<uintptr_t>(blocks_of(p)) * sizeof(Channels), kAlignment);
  header.channels_offset = static_cast<int64_t>(channels_at - base);
  header.weights_offset = static_cast<int64_t>(weights_at - base);
  memcpy(packed, &header, sizeof(header));

  Channels* channels = reinterpret_cast<Channels*>(channels_at);
  uint8_t* weights = reinterpret_cast<uint8_t*>(weights_at);
  switch (header.loop) {
    case Int8Loop::kAdder:
    case Int8Loop::kMaxAdder:
      pack_dense<AdderLanes>(p, header.loop, w, input_zero, r, channels, weights);
      break;
    case Int8Loop::kShift:
      pack_dense<ShiftLanes>(p, header.loop, w, input_zero, r, channels, weights);
      break;
    case Int8Loop::kSmallShift:
      pack_dense<SmallShiftLanes>(p, header.loop, w, input_zero, r, channels, weights);
      break;
    default:
      pack_depthwise(p, header.loop, w, input_zero, r, channels, weights);
  }
  return SHIFTADD_OK;
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_PACK_H_
