// The inner loops of depthwise int8 convolutions, over the copy of a band.
#ifndef KERAS_SHIFTADD_KERNELS_INT8_DEPTHWISE_H_
#define KERAS_SHIFTADD_KERNELS_INT8_DEPTHWISE_H_

#include "int8_dense.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// kPixels neighbours of an output row times one block of channels; `x` points at the first
// channel of the block, in the first window.
template <Int8Loop kLoop, int kPixels, bool Whole>
void depthwise_tile(const Int8Plan& plan, const int8_t* x, const int32_t* w, const Channels& c,
                    const Int8Header& h, int64_t count, int8_t* y) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t row_stride = p.dilation[0] * plan.columns * plan.channels;
  const int64_t column_stride = p.dilation[1] * plan.channels;
  const int64_t pixel_stride = p.strides[1] * plan.channels;
  DepthwiseLanes::Sums sums[kPixels];
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) sums[i] = DepthwiseLanes::start();
  for (int64_t r = 0; r < p.kernel_size[0]; ++r) {
    const int8_t* tap = x + r * row_stride;
    for (int64_t k = 0; k < p.kernel_size[1]; ++k) {
      const auto weights = DepthwiseLanes::load_weights(w);
      w += kFilters;
#pragma GCC unroll 16
      for (int i = 0; i < kPixels; ++i) {
        const auto input = DepthwiseLanes::load_input(tap + i * pixel_stride);
        if (kLoop == Int8Loop::kDepthwiseAdder) {
          DepthwiseLanes::subtract_difference(sums[i], input, weights);
        } else {
          DepthwiseLanes::add_product(sums[i], input, weights);
        }
      }
      tap += column_stride;
    }
  }
  store_tile<DepthwiseLanes, kPixels, Whole>(sums, c, h, count, y, plan.channels);
}

template <Int8Loop kLoop, bool Whole>
void depthwise_row(const Int8Plan& plan, const int8_t* x, const int32_t* w, const Channels& c,
                   const Int8Header& h, int64_t count, int8_t* y) {
  constexpr int kMost = DepthwiseLanes::kPixels;
  const int64_t width = plan.params.out_size[1];
  const int64_t stride = plan.params.strides[1] * plan.channels;
  int64_t i = 0;
  for (; i + kMost <= width; i += kMost) {
    depthwise_tile<kLoop, kMost, Whole>(plan, x + i * stride, w, c, h, count,
                                        y + i * plan.channels);
  }
  for (; i < width; ++i) {
    depthwise_tile<kLoop, 1, Whole>(plan, x + i * stride, w, c, h, count, y + i * plan.channels);
  }
}

// The blocks first..last of a band of `rows` output rows.
template <Int8Loop kLoop>
void depthwise_band(const Int8Plan& plan, const int8_t* band, int64_t rows, int64_t first,
                    int64_t last, const Channels* channels, const uint8_t* weights,
                    const Int8Header& h, int8_t* y) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t bytes = block_weight_bytes(p, kLoop);
  for (int64_t row = 0; row < rows; ++row) {
    const int8_t* x = band + row * p.strides[0] * plan.columns * plan.channels;
    int8_t* out = y + row * p.out_size[1] * plan.channels;
    for (int64_t block = first; block < last; ++block) {
      const int64_t channel = block * kFilters;
      const int64_t count = minimum<int64_t>(kFilters, plan.channels - channel);
      const int32_t* w = reinterpret_cast<const int32_t*>(weights + block * bytes);
      if (count == kFilters) {
        depthwise_row<kLoop, true>(plan, x + channel, w, channels[block], h, count,
                                   out + channel);
      } else {
        depthwise_row<kLoop, false>(plan, x + channel, w, channels[block], h, count,
                                    out + channel);
      }
    }
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_INT8_DEPTHWISE_H_
