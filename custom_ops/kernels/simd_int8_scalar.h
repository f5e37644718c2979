// Int8 "vectors" of any processor, in plain C++.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_

#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace scalar {

constexpr char kInt8Target[] = "scalar";
constexpr int kFilters = 8;

// Sums of kFilters output channels, which wrap around as those of vectors do.
struct Totals {
  uint32_t lane[kFilters];
};

struct ScalarLanes {
  static constexpr int kStep = 4, kSideBySide = 4, kPixels = 2;
  static constexpr bool kSubtracts = false, kFlipsInput = true;
  struct Input {
    uint8_t byte[kStep];
  };
  struct Weights {
    uint8_t byte[kFilters][kStep];
  };
  using Sums = Totals;

  static constexpr int filter_of_lane(int lane) { return lane; }
  static constexpr int filter_of_position(int position) { return position; }

  static SHIFTADD_INLINE Sums start(int32_t tail) {
    Sums sums;
    for (uint32_t& lane : sums.lane) lane = 0 - static_cast<uint32_t>(tail);
    return sums;
  }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) {
    Weights w;
    memcpy(&w, p, sizeof(w));
    return w;
  }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    Input x;
    memcpy(&x, p, sizeof(x));
    return x;
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) { return sums; }
};

struct AdderLanes : ScalarLanes {
  static constexpr bool kSubtracts = true;
  static SHIFTADD_INLINE void add_step(Sums& sums, const Input& x, const Weights& w) {
    for (int f = 0; f < kFilters; ++f) {
      for (int i = 0; i < kStep; ++i) {
        const int32_t d = x.byte[i] - w.byte[f][i];
        sums.lane[f] += static_cast<uint32_t>(d < 0 ? -d : d);
      }
    }
  }
};
constexpr bool kHasMaxAdder = false;
using MaxAdderLanes = AdderLanes;
struct ByteSum {
  void add(const uint8_t*, int64_t) {}
  int32_t total() const { return 0; }
};

struct ShiftLanes : ScalarLanes {
  static SHIFTADD_INLINE void add_step(Sums& sums, const Input& x, const Weights& w) {
    for (int f = 0; f < kFilters; ++f) {
      for (int i = 0; i < kStep; ++i) {
        sums.lane[f] += static_cast<uint32_t>(x.byte[i] * static_cast<int8_t>(w.byte[f][i]));
      }
    }
  }
};
using SmallShiftLanes = ShiftLanes;

// A lane a channel; the input is signed.
struct DepthwiseLanes : ScalarLanes {
  static SHIFTADD_INLINE Sums start() { return ScalarLanes::start(0); }
  static SHIFTADD_INLINE Totals load_weights(const int32_t* p) {
    Totals w;
    for (int i = 0; i < kFilters; ++i) {
      w.lane[i] = static_cast<uint32_t>(int32_t{static_cast<int16_t>(p[i])});
    }
    return w;
  }
  static SHIFTADD_INLINE Totals load_input(const int8_t* p) {
    Totals x;
    for (int i = 0; i < kFilters; ++i) x.lane[i] = static_cast<uint32_t>(int32_t{p[i]});
    return x;
  }
  static SHIFTADD_INLINE void subtract_difference(Sums& sums, const Totals& x, const Totals& w) {
    for (int i = 0; i < kFilters; ++i) {
      const int32_t d = static_cast<int32_t>(x.lane[i] - w.lane[i]);
      sums.lane[i] -= static_cast<uint32_t>(d < 0 ? -d : d);
    }
  }
  static SHIFTADD_INLINE void add_product(Sums& sums, const Totals& x, const Totals& w) {
    for (int i = 0; i < kFilters; ++i) sums.lane[i] += x.lane[i] * w.lane[i];
  }
};

template <typename Lanes>
class Requantizer {
 public:
  SHIFTADD_INLINE Requantizer(const Int8Channels<kFilters>& c, const Int8Header& h)
      : channels_(c), header_(h) {}

  SHIFTADD_INLINE void store(const Totals& t, int8_t* y) const {
    for (int i = 0; i < kFilters; ++i) {
      const int64_t product = static_cast<int32_t>(t.lane[i]) * channels_.multiplier[i];
      const int64_t sum = channels_.addend[i] + (Lanes::kSubtracts ? -product : product);
      y[i] = clamp_int8(sum >> channels_.shift[i], header_);
    }
  }

 private:
  const Int8Channels<kFilters>& channels_;
  const Int8Header& header_;
};

// Lane by lane, as in Int8Channels.
inline void store_totals(const Totals& t, int32_t* out) { memcpy(out, t.lane, sizeof(t.lane)); }

}  // namespace scalar
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_SCALAR_H_
