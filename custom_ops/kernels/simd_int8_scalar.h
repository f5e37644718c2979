// Int8 "vectors" of any processor, in plain C++.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_

#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace scalar {

constexpr int kFilters = 8;

// Sums of kFilters output channels. Arithmetic wraps around, as that of vectors does.
struct Int32s {
  uint32_t lane[kFilters];
};

inline Int32s broadcast_int32(int32_t a) {
  Int32s r;
  for (uint32_t& lane : r.lane) lane = static_cast<uint32_t>(a);
  return r;
}
inline Int32s load_int32(const int32_t* p) {
  Int32s r;
  memcpy(r.lane, p, sizeof(r.lane));
  return r;
}
inline Int32s add(Int32s a, Int32s b) {
  for (int i = 0; i < kFilters; ++i) a.lane[i] += b.lane[i];
  return a;
}

// The operators. `Sums` are those of a block of output channels for one pixel, `add_step` adds
// kStep bytes of a window to them, and `total` gives what the bias is added to. Bytes of the input
// are unsigned: int8 with the sign bit flipped.
struct AdderLanes {
  static constexpr int kStep = 4, kPixels = 2;
  struct Input {
    uint8_t byte[kStep];
  };
  struct Weights {
    uint8_t byte[kFilters][kStep];
  };
  using Sums = Int32s;

  static Sums zero() { return broadcast_int32(0); }
  static Weights load(const uint8_t* p) {
    Weights w;
    memcpy(&w, p, sizeof(w));
    return w;
  }
  static Input broadcast(const uint8_t* p) {
    Input x;
    memcpy(&x, p, sizeof(x));
    return x;
  }
  static void add_step(Sums& sums, const Input& x, const Weights& w) {
    for (int f = 0; f < kFilters; ++f) {
      for (int i = 0; i < kStep; ++i) {
        const int32_t d = x.byte[i] - w.byte[f][i];
        sums.lane[f] -= static_cast<uint32_t>(d < 0 ? -d : d);
      }
    }
  }
  static Int32s total(const Sums& sums) { return sums; }
};

struct ShiftLanes : AdderLanes {
  static void add_step(Sums& sums, const Input& x, const Weights& w) {
    for (int f = 0; f < kFilters; ++f) {
      for (int i = 0; i < kStep; ++i) {
        sums.lane[f] += static_cast<uint32_t>(x.byte[i] * static_cast<int8_t>(w.byte[f][i]));
      }
    }
  }
};
using SmallShiftLanes = ShiftLanes;

// The depthwise loops: a lane a channel, signed bytes.
constexpr int kDepthwisePixels = 2;
inline Int32s load_int8(const int8_t* p) {
  Int32s r;
  for (int i = 0; i < kFilters; ++i) r.lane[i] = static_cast<uint32_t>(int32_t{p[i]});
  return r;
}
inline Int32s subtract_difference(Int32s sums, Int32s x, Int32s w) {
  for (int i = 0; i < kFilters; ++i) {
    const int32_t d = static_cast<int32_t>(x.lane[i] - w.lane[i]);
    sums.lane[i] -= static_cast<uint32_t>(d < 0 ? -d : d);
  }
  return sums;
}
inline Int32s add_product(Int32s sums, Int32s x, Int32s w) {
  for (int i = 0; i < kFilters; ++i) sums.lane[i] += x.lane[i] * w.lane[i];
  return sums;
}

// Shifts of any size: no need for has_short_shift.
constexpr bool kRequantizesShortShifts = true;
inline void requantize(const Int32s& values, const Int8Channels<kFilters>& c, const Int8Header& h,
                       int8_t* y) {
  for (int i = 0; i < kFilters; ++i) {
    y[i] = requantize_one(static_cast<int32_t>(values.lane[i]), c.multiplier[i],
                          c.shift_less_32[i] + 32, h);
  }
}

}  // namespace scalar
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_
