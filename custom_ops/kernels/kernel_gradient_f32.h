// The kernel gradient of the adder convolution: dw = sum g * slope(x - w).
//
// With the slope of AdderNet (the difference itself) the sum falls apart into that of an ordinary
// convolution, sum g * x, and -w * sum g. A register block holds some input channels, broadcast,
// times one to three vectors of filters, and keeps its sums over a chunk of pixels. Pixels whose
// tap reads padding add nothing and are left out.
//
// The work is cut along the kernel, not along the pixels: every element of dw is summed in the
// same order whatever the number of threads.
#ifndef KERAS_SHIFTADD_KERNELS_KERNEL_GRADIENT_F32_H_
#define KERAS_SHIFTADD_KERNELS_KERNEL_GRADIENT_F32_H_

#include "bands.h"
#include "common.h"
#include "depthwise_kernel_gradient_f32.h"
#include "segments.h"
#include "sloped_kernel_gradient_f32.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Pixels that the sums stay in registers for; x and g of that many fit into the first-level cache.
constexpr int64_t kChunkPixels = 128;

// The pixels of one chunk whose tap lies inside the input.
struct ChunkOfTap {
  const float *x, *g;  // of the first pixel
  int64_t rows, columns;
  int64_t x_row, x_column, g_row, g_column;  // steps
};

template <int P, int V>
inline void product_block(const ChunkOfTap& chunk, const float* x, const float* g,
                          int64_t filters, float* dw, int64_t dw_stride, bool first) {
  vec acc[P][V];
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v) acc[p][v] = zero();
  const int lanes = static_cast<int>(minimum<int64_t>(filters - (V - 1) * kLanes, kLanes));
  const bool whole = lanes == kLanes;
  for (int64_t row = 0; row < chunk.rows; ++row, x += chunk.x_row, g += chunk.g_row) {
    const float* x_at = x;
    const float* g_at = g;
    for (int64_t column = 0; column < chunk.columns; ++column) {
      vec gradient[V];
      for (int v = 0; v + 1 < V; ++v) gradient[v] = load(g_at + v * kLanes);
      gradient[V - 1] = whole ? load(g_at + (V - 1) * kLanes)
                              : load_first(g_at + (V - 1) * kLanes, lanes);
      for (int p = 0; p < P; ++p) {
        const vec value = broadcast(x_at[p]);
        for (int v = 0; v < V; ++v) acc[p][v] = multiply_add(value, gradient[v], acc[p][v]);
      }
      x_at += chunk.x_column;
      g_at += chunk.g_column;
    }
  }
  for (int p = 0; p < P; ++p) {
    float* out = dw + p * dw_stride;
    for (int v = 0; v < V; ++v, out += kLanes) {
      if (v + 1 < V || whole) {
        store(out, first ? acc[p][v] : add(load(out), acc[p][v]));
      } else {
        store_first(out, first ? acc[p][v] : add(load_first(out, lanes), acc[p][v]), lanes);
      }
    }
  }
}

// `channels` is at most P: takes the block of just that many.
template <int P, int V>
inline void product_block_of(int64_t channels, const ChunkOfTap& chunk, const float* x,
                             const float* g, int64_t filters, float* dw, int64_t dw_stride,
                             bool first) {
  if constexpr (P > 1) {
    if (channels < P) {
      return product_block_of<P - 1, V>(channels, chunk, x, g, filters, dw, dw_stride, first);
    }
  }
  product_block<P, V>(chunk, x, g, filters, dw, dw_stride, first);
}

template <int V>
inline void product_of_channels(const shiftadd_conv_params& p, const ChunkOfTap& chunk,
                                int64_t c_begin, int64_t c_end, int64_t f, float* dw, bool first) {
  constexpr int P = V == 1 ? kBlock1 : V == 2 ? kBlock2 : V == 3 ? kBlock3 : kBlock4;
  for (int64_t c = c_begin; c < c_end; c += P) {
    product_block_of<P, V>(minimum<int64_t>(P, c_end - c), chunk, chunk.x + c, chunk.g + f,
                           minimum<int64_t>(V * kLanes, p.filters - f), dw + c * p.filters + f,
                           p.filters, first);
  }
}

// The work of one item: some channels of one tap and group, all filters, all pixels.
struct KernelGradientPlan {
  shiftadd_conv_params params;
  bool one_thread;
  int64_t parts, part_channels;  // channels are cut into parts of that many
  int64_t items;
  int64_t chunk_rows;
  float* g_sum;
};

inline size_t plan_kernel_gradient(const shiftadd_conv_params& original, int32_t threads,
                                   void* scratch, KernelGradientPlan* plan) {
  const BandPlan bands = plan_bands(original, threads);
  const shiftadd_conv_params& p = bands.params;
  plan->params = p;
  plan->one_thread = bands.one_thread;
  const int64_t tap_groups = taps_of(p) * p.groups;
  plan->parts = 1;
  if (!plan->one_thread && tap_groups < 4 * threads) {
    plan->parts = minimum(ceil_div<int64_t>(4 * threads, tap_groups),
                          ceil_div<int64_t>(p.channels, kBlock2));
  }
  plan->part_channels = round_up<int64_t>(ceil_div(p.channels, plan->parts), kBlock2);
  plan->parts = ceil_div(p.channels, plan->part_channels);
  plan->items = tap_groups * plan->parts;
  plan->chunk_rows = minimum(ceil_div(kChunkPixels, p.out_size[1]), p.out_size[0]);
  Arena arena(scratch);
  plan->g_sum = arena.take<float>(p.groups * p.filters);
  return arena.size();
}

inline size_t kernel_gradient_scratch(const shiftadd_conv_params& p, int32_t threads) {
  KernelGradientPlan plan;
  return plan_kernel_gradient(p, threads, nullptr, &plan);
}

inline void sum_gradient(const shiftadd_conv_params& p, const float* g, float* sums) {
  const int64_t filters = p.groups * p.filters;
  const int64_t pixels = p.batch * pixels_of(p);
  for (int64_t f = 0; f < filters; f += kLanes) {
    const int lanes = static_cast<int>(minimum<int64_t>(kLanes, filters - f));
    vec total = zero();
    // Chunks keep the partial sums short.
    for (int64_t start = 0; start < pixels; start += kChunkPixels) {
      vec part = zero();
      for (int64_t i = start; i < minimum(start + kChunkPixels, pixels); ++i) {
        const float* from = g + i * filters + f;
        part = add(part, lanes == kLanes ? load(from) : load_first(from, lanes));
      }
      total = add(total, part);
    }
    store_first(sums + f, total, lanes);
  }
}

inline void kernel_gradient_item(const KernelGradientPlan& plan, int64_t item, const float* x,
                                 const float* w, const float* g, float* dw) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t part = item % plan.parts;
  const int64_t group = item / plan.parts % p.groups;
  const int64_t tap = item / plan.parts / p.groups;
  const int64_t ky = tap / p.kernel_size[1], kx = tap % p.kernel_size[1];
  const int64_t c_begin = part * plan.part_channels;
  const int64_t c_end = minimum(c_begin + plan.part_channels, p.channels);
  const int64_t channels = p.groups * p.channels, filters = p.groups * p.filters;
  const int64_t start = (tap * p.groups + group) * p.channels * p.filters;
  int64_t row_begin, row_end, column_begin, column_end;
  valid_outputs(p, 0, ky, &row_begin, &row_end);
  valid_outputs(p, 1, kx, &column_begin, &column_end);

  ChunkOfTap chunk;
  chunk.columns = column_end - column_begin;
  chunk.x_column = p.strides[1] * channels;
  chunk.g_column = filters;
  chunk.x_row = p.strides[0] * p.in_size[1] * channels;
  chunk.g_row = p.out_size[1] * filters;
  bool first = true;
  for (int64_t image = 0; image < p.batch; ++image) {
    for (int64_t row = row_begin; row < row_end && chunk.columns > 0; row += plan.chunk_rows) {
      chunk.rows = minimum(plan.chunk_rows, row_end - row);
      const int64_t y = row * p.strides[0] - p.pad_before[0] + ky * p.dilation[0];
      const int64_t x_at = column_begin * p.strides[1] - p.pad_before[1] + kx * p.dilation[1];
      chunk.x = x + ((image * p.in_size[0] + y) * p.in_size[1] + x_at) * channels +
                group * p.channels;
      chunk.g = g + ((image * p.out_size[0] + row) * p.out_size[1] + column_begin) * filters +
                group * p.filters;
      for (int64_t f = 0; f < p.filters;) {
        const int vectors = block_vectors(ceil_div<int64_t>(p.filters - f, kLanes));
        float* out = dw + start;
        if (vectors == 1) {
          product_of_channels<1>(p, chunk, c_begin, c_end, f, out, first);
        } else if (vectors == 2) {
          product_of_channels<2>(p, chunk, c_begin, c_end, f, out, first);
        } else if (vectors == 3) {
          product_of_channels<3>(p, chunk, c_begin, c_end, f, out, first);
        } else {
          product_of_channels<4>(p, chunk, c_begin, c_end, f, out, first);
        }
        f += vectors * kLanes;
      }
      first = false;
    }
  }
  const float* g_sum = plan.g_sum + group * p.filters;
  for (int64_t c = c_begin; c < c_end; ++c) {
    for (int64_t f = 0; f < p.filters; ++f) {
      const int64_t i = start + c * p.filters + f;
      dw[i] = (first ? 0.0f : dw[i]) - w[i] * g_sum[f];
    }
  }
}

inline void kernel_gradient(const shiftadd_conv_params& params, int32_t slope, const float* x,
                            const float* w, const float* g, float* dw, void* scratch,
                            const shiftadd_parallel& parallel) {
  KernelGradientPlan plan;
  plan_kernel_gradient(params, parallel.threads, scratch, &plan);
  const shiftadd_parallel& loops = plan.one_thread ? kOneThread : parallel;
  const bool depthwise = is_depthwise(params);
  if (slope != SHIFTADD_IDENTITY || (depthwise && params.filters > 1)) {
    return sloped_kernel_gradient(plan.params, slope, x, w, g, dw, loops);
  }
  sum_gradient(plan.params, g, plan.g_sum);
  if (depthwise) {
    return parallel_for(loops, taps_of(plan.params), [&](int64_t tap, int32_t) {
      depthwise_kernel_gradient_tap(plan.params, tap, x, w, g, plan.g_sum, dw);
    });
  }
  parallel_for(loops, plan.items, [&](int64_t item, int32_t) {
    kernel_gradient_item(plan, item, x, w, g, dw);
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_KERNEL_GRADIENT_F32_H_
