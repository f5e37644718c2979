// Small things that every kernel needs: integer arithmetic, loops, scratch memory.
#ifndef KERAS_SHIFTADD_KERNELS_COMMON_H_
#define KERAS_SHIFTADD_KERNELS_COMMON_H_

#include <stddef.h>
#include <stdint.h>

#include "shiftadd.h"

namespace shiftadd {
// Internal linkage: an inline function compiled for AVX-512 must not be what the linker keeps for
// a processor without it.
namespace {

constexpr size_t kAlignment = 64;

template <typename T>
constexpr T ceil_div(T a, T b) {
  return (a + b - 1) / b;
}

template <typename T>
constexpr T round_up(T a, T b) {
  return ceil_div(a, b) * b;
}

template <typename T>
constexpr T minimum(T a, T b) {
  return a < b ? a : b;
}

template <typename T>
constexpr T maximum(T a, T b) {
  return a > b ? a : b;
}

// Hands out aligned pieces of scratch memory. With a null base it only counts, so that one
// function serves the request for a size and the kernel that uses it.
class Arena {
 public:
  explicit Arena(void* base) : base_(reinterpret_cast<uintptr_t>(base)) {
    offset_ = base == nullptr ? 0 : round_up<uintptr_t>(base_, kAlignment) - base_;
  }

  template <typename T>
  T* take(int64_t count) {
    const uintptr_t start = base_ + offset_;
    offset_ += round_up<size_t>(static_cast<size_t>(count) * sizeof(T), kAlignment);
    return base_ == 0 ? nullptr : reinterpret_cast<T*>(start);
  }

  // What to ask for, with room to align an arbitrary pointer.
  size_t size() const { return offset_ + kAlignment; }

 private:
  uintptr_t base_;
  size_t offset_;
};

const shiftadd_parallel kOneThread = {nullptr, nullptr, 1};

// Runs body(item, worker) for every item, on the calling thread where that is all there is.
template <typename Body>
void parallel_for(const shiftadd_parallel& parallel, int64_t items, const Body& body) {
  if (items <= 1 || parallel.threads <= 1 || parallel.parallel_for == nullptr) {
    for (int64_t item = 0; item < items; ++item) body(item, 0);
    return;
  }
  parallel.parallel_for(
      parallel.pool, parallel.threads, items,
      [](void* context, int64_t item, int32_t worker) {
        (*static_cast<const Body*>(context))(item, worker);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

inline int64_t taps_of(const shiftadd_conv_params& p) {
  return p.kernel_size[0] * p.kernel_size[1];
}

inline int64_t pixels_of(const shiftadd_conv_params& p) { return p.out_size[0] * p.out_size[1]; }

// Elements that one window reads in front of and behind the input, along an axis.
inline int64_t pad_after(const shiftadd_conv_params& p, int axis) {
  const int64_t extent = (p.kernel_size[axis] - 1) * p.dilation[axis] + 1;
  const int64_t end = (p.out_size[axis] - 1) * p.strides[axis] + extent - p.pad_before[axis];
  return maximum<int64_t>(end - p.in_size[axis], 0);
}

}  // namespace
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_COMMON_H_
