// Register blocks of the adder convolution of float32 tensors: some pixels times one to four
// vectors of filters.
#ifndef KERAS_SHIFTADD_KERNELS_FORWARD_BLOCK_F32_H_
#define KERAS_SHIFTADD_KERNELS_FORWARD_BLOCK_F32_H_

#include "bands.h"
#include "common.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Terms that a register sums up before it is added to the total. Sums of sums keep the rounding
// error of a long window near that of a short one.
constexpr int64_t kTermsInRegister = 256;

// A register block of P pixels times V vectors of filters.
template <int P, int V, bool kMaxForm>
inline void distance_block(const float* const* pixels, const Runs& runs,
                           const float* kernel, int64_t w_stride, vec (&acc)[P][V]) {
  const vec one = opaque_one();
  // In memory, so that the registers are left to the loop.
  alignas(kAlignment) float total[P * V * kLanes];
  for (int p = 0; p < P; ++p) {
    for (int v = 0; v < V; ++v) {
      acc[p][v] = zero();
      store(total + (p * V + v) * kLanes, zero());
    }
  }
  int64_t terms = 0;
  for (int64_t r = 0; r < runs.count; ++r) {
    const float* w = kernel + runs.element[r] * w_stride;
    const float* x[P];
    for (int p = 0; p < P; ++p) x[p] = pixels[p] + runs.offset[r];
    for (int64_t c = 0; c < runs.length;) {
      const int64_t end = minimum(c + kTermsInRegister, runs.length);
      terms += end - c;
      for (; c < end; ++c) {
        vec weights[V];
        for (int v = 0; v < V; ++v) weights[v] = load(w + v * kLanes);
        w += w_stride;
        for (int p = 0; p < P; ++p) {
          const vec value = broadcast_at(x[p] + c);
          for (int v = 0; v < V; ++v) {
            const vec term = kMaxForm ? max(value, weights[v]) : abs(sub(value, weights[v]));
            acc[p][v] = accumulate(acc[p][v], term, one);
          }
        }
      }
      if (terms < kTermsInRegister) continue;
      for (int p = 0; p < P; ++p) {
        for (int v = 0; v < V; ++v) {
          float* at = total + (p * V + v) * kLanes;
          store(at, add(load(at), acc[p][v]));
          acc[p][v] = zero();
        }
      }
      terms = 0;
    }
  }
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v)
      acc[p][v] = add(load(total + (p * V + v) * kLanes), acc[p][v]);
}

// What the blocks of one filter group share.
struct ForwardBlock {
  const Runs* runs;
  const float* w;  // first filter of the block
  int64_t w_stride;
  // Per filter: sum w and sum |w| over the elements that the runs meet (null where the exact form
  // is asked for), and sum |w| over those that meet padding (null where none does).
  const float *w_sum, *w_abs_sum, *padding_sum;
  int64_t filters;  // valid ones in the block
  int64_t y_stride;
};

template <int P, int V>
void forward_block(const ForwardBlock& b, const float* const* pixels, const float* x_sum,
                   const float* x_abs_sum, float* const* y) {
  vec acc[P][V];
  if (b.w_sum != nullptr) {
    distance_block<P, V, true>(pixels, *b.runs, b.w, b.w_stride, acc);
    const vec minus_two = broadcast(-2.0f);
    const vec limit = broadcast(1.0f / SHIFTADD_MAX_FORM_LIMIT);
    lane_mask again[P][V];
    bool some = false;
    for (int p = 0; p < P; ++p) {
      for (int v = 0; v < V; ++v) {
        const vec sums = add(broadcast(x_sum[p]), load(b.w_sum + v * kLanes));
        const vec magnitude = add(broadcast(x_abs_sum[p]), load(b.w_abs_sum + v * kLanes));
        acc[p][v] = multiply_add(minus_two, acc[p][v], sums);
        again[p][v] = not_at_least(sub(zero(), acc[p][v]), mul(magnitude, limit));
        some = some || any(again[p][v]);
      }
    }
    if (some) {
      vec exact[P][V];
      distance_block<P, V, false>(pixels, *b.runs, b.w, b.w_stride, exact);
      for (int p = 0; p < P; ++p)
        for (int v = 0; v < V; ++v)
          acc[p][v] = select(again[p][v], sub(zero(), exact[p][v]), acc[p][v]);
    }
  } else {
    distance_block<P, V, false>(pixels, *b.runs, b.w, b.w_stride, acc);
    for (int p = 0; p < P; ++p)
      for (int v = 0; v < V; ++v) acc[p][v] = sub(zero(), acc[p][v]);
  }
  if (b.padding_sum != nullptr) {
    for (int p = 0; p < P; ++p)
      for (int v = 0; v < V; ++v)
        acc[p][v] = sub(acc[p][v], load(b.padding_sum + v * kLanes));
  }
  for (int p = 0; p < P; ++p) {
    float* row = y[p];
    for (int v = 0; v < V; ++v) {
      const int64_t left = b.filters - v * kLanes;
      if (left >= kLanes) {
        store(row + v * kLanes, acc[p][v]);
      } else if (left > 0) {
        store_first(row + v * kLanes, acc[p][v], static_cast<int>(left));
      }
    }
  }
}

// `count` is at most P: takes the block of just that many pixels.
template <int P, int V>
void forward_block_of(int64_t count, const ForwardBlock& b, const float* const* pixels,
                      const float* x_sum, const float* x_abs_sum, float* const* y) {
  if constexpr (P > 1) {
    if (count < P) return forward_block_of<P - 1, V>(count, b, pixels, x_sum, x_abs_sum, y);
  }
  forward_block<P, V>(b, pixels, x_sum, x_abs_sum, y);
}

// Pixels that meet the same elements of the kernel: where each reads, and its number in the band.
struct PixelList {
  int64_t count;
  int64_t *offset, *number;
};

template <int P, int V>
void forward_pixels(const ForwardBlock& b, const float* base, const PixelList& list,
                    const float* x_sum, const float* x_abs_sum, float* y) {
  for (int64_t done = 0; done < list.count; done += P) {
    const int64_t here = minimum<int64_t>(P, list.count - done);
    const float* pixels[P];
    float* rows[P];
    float sums[P], magnitudes[P];
    for (int64_t p = 0; p < here; ++p) {
      const int64_t number = list.number[done + p];
      pixels[p] = base + list.offset[done + p];
      rows[p] = y + number * b.y_stride;
      if (b.w_sum == nullptr) continue;
      sums[p] = x_sum[number];
      magnitudes[p] = x_abs_sum[number];
    }
    forward_block_of<P, V>(here, b, pixels, sums, magnitudes, rows);
  }
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_FORWARD_BLOCK_F32_H_
