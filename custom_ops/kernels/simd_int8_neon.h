// Int8 vectors of NEON, as every aarch64 processor has them.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_NEON_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_NEON_H_

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace neon {

constexpr char kInt8Target[] = "neon";
constexpr int kFilters = 8;

// Sums of kFilters output channels.
struct Totals {
  int32x4_t first, second;
};

struct NeonLanes {
  static constexpr bool kSubtracts = false;
  static constexpr int filter_of_lane(int lane) { return lane; }
  static constexpr int filter_of_position(int position) { return position; }
};

// Four bytes of a window against four output channels in each vector, twice in a step.
struct AdderLanes : NeonLanes {
  static constexpr int kStep = 8, kSideBySide = 4, kPixels = 4;
  static constexpr bool kSubtracts = true, kFlipsInput = true;
  struct Input {
    uint8x16_t first, second;
  };
  struct Weights {
    uint8x16_t vector[4];
  };
  struct Sums {
    uint32x4_t first, second;
  };

  static SHIFTADD_INLINE Sums start(int32_t tail) {
    const uint32x4_t sum = vdupq_n_u32(0 - static_cast<uint32_t>(tail));
    return {sum, sum};
  }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) {
    return {{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
  }
  static SHIFTADD_INLINE uint8x16_t broadcast_4(const uint8_t* p) {
    uint32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return vreinterpretq_u8_u32(vdupq_n_u32(bytes));
  }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    return {broadcast_4(p), broadcast_4(p + 4)};
  }
  static SHIFTADD_INLINE uint32x4_t add_differences(uint32x4_t sum, const Input& x, uint8x16_t w,
                                                    uint8x16_t w_next) {
    const uint16x8_t pairs = vpaddlq_u8(vabdq_u8(x.first, w));
    return vpadalq_u16(sum, vpadalq_u8(pairs, vabdq_u8(x.second, w_next)));
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, const Input& x, const Weights& w) {
    sums.first = add_differences(sums.first, x, w.vector[0], w.vector[2]);
    sums.second = add_differences(sums.second, x, w.vector[1], w.vector[3]);
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) {
    return {vreinterpretq_s32_u32(sums.first), vreinterpretq_s32_u32(sums.second)};
  }
};
constexpr bool kHasMaxAdder = false;
using MaxAdderLanes = AdderLanes;
struct ByteSum {
  void add(const uint8_t*, int64_t) {}
  int32_t total() const { return 0; }
};

// The input is signed; with |w| <= 64, two products fit into 16 bits.
struct ShiftLanes : NeonLanes {
  static constexpr int kStep = 8, kSideBySide = 4, kPixels = 4;
  static constexpr bool kFlipsInput = false;
  struct Input {
    int8x16_t first, second;
  };
  struct Weights {
    int8x16_t vector[4];
  };
  struct Sums {
    int32x4_t pair[4];  // of output channels, two partial sums each
  };

  static SHIFTADD_INLINE Sums start(int32_t) {
    const int32x4_t zero = vdupq_n_s32(0);
    return {{zero, zero, zero, zero}};
  }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) {
    const int8_t* w = reinterpret_cast<const int8_t*>(p);
    return {{vld1q_s8(w), vld1q_s8(w + 16), vld1q_s8(w + 32), vld1q_s8(w + 48)}};
  }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    return {vreinterpretq_s8_u8(AdderLanes::broadcast_4(p)),
            vreinterpretq_s8_u8(AdderLanes::broadcast_4(p + 4))};
  }
  static SHIFTADD_INLINE void add_products(int32x4_t& low, int32x4_t& high, const Input& x,
                                           int8x16_t w, int8x16_t w_next) {
    int16x8_t products = vmull_s8(vget_low_s8(x.first), vget_low_s8(w));
    products = vmlal_s8(products, vget_low_s8(x.second), vget_low_s8(w_next));
    low = vpadalq_s16(low, products);
    products = vmull_high_s8(x.first, w);
    products = vmlal_high_s8(products, x.second, w_next);
    high = vpadalq_s16(high, products);
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, const Input& x, const Weights& w) {
    add_products(sums.pair[0], sums.pair[1], x, w.vector[0], w.vector[2]);
    add_products(sums.pair[2], sums.pair[3], x, w.vector[1], w.vector[3]);
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) {
    return {vpaddq_s32(sums.pair[0], sums.pair[1]), vpaddq_s32(sums.pair[2], sums.pair[3])};
  }
};
using SmallShiftLanes = ShiftLanes;

// A lane a channel; the input is signed.
struct DepthwiseLanes : NeonLanes {
  static constexpr int kPixels = 4;
  using Sums = Totals;

  static SHIFTADD_INLINE Sums start() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  static SHIFTADD_INLINE int16x8_t load_weights(const int32_t* p) {
    return vcombine_s16(vmovn_s32(vld1q_s32(p)), vmovn_s32(vld1q_s32(p + 4)));
  }
  static SHIFTADD_INLINE int16x8_t load_input(const int8_t* p) { return vmovl_s8(vld1_s8(p)); }
  static SHIFTADD_INLINE void subtract_difference(Sums& sums, int16x8_t x, int16x8_t w) {
    sums.first = vsubq_s32(sums.first, vabdl_s16(vget_low_s16(x), vget_low_s16(w)));
    sums.second = vsubq_s32(sums.second, vabdl_high_s16(x, w));
  }
  static SHIFTADD_INLINE void add_product(Sums& sums, int16x8_t x, int16x8_t w) {
    sums.first = vmlal_s16(sums.first, vget_low_s16(x), vget_low_s16(w));
    sums.second = vmlal_high_s16(sums.second, x, w);
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) { return sums; }
};

template <typename Lanes>
class Requantizer {
 public:
  SHIFTADD_INLINE Requantizer(const Int8Channels<kFilters>& c, const Int8Header& h)
      : channels_(c),
        low_(vdup_n_s8(static_cast<int8_t>(h.low))),
        high_(vdup_n_s8(static_cast<int8_t>(h.high))) {}

  SHIFTADD_INLINE void store(const Totals& t, int8_t* y) const {
    const int16x8_t words = vcombine_s16(scale(t.first, 0), scale(t.second, 4));
    vst1_s8(y, vmin_s8(vmax_s8(vqmovn_s16(words), low_), high_));
  }

 private:
  SHIFTADD_INLINE int32x2_t scale_2(int32x2_t sum, int lane) const {
    const int32x2_t multiplier = vmovn_s64(vld1q_s64(channels_.multiplier + lane));
    const int64x2_t addend = vld1q_s64(channels_.addend + lane);
    const int64x2_t product = Lanes::kSubtracts ? vmlsl_s32(addend, sum, multiplier)
                                                : vmlal_s32(addend, sum, multiplier);
    const int64x2_t shift = vmovl_s32(vld1_s32(channels_.shift + lane));
    return vqmovn_s64(vshlq_s64(product, vnegq_s64(shift)));
  }
  SHIFTADD_INLINE int16x4_t scale(int32x4_t sums, int lane) const {
    return vqmovn_s32(vcombine_s32(scale_2(vget_low_s32(sums), lane),
                                   scale_2(vget_high_s32(sums), lane + 2)));
  }

  const Int8Channels<kFilters>& channels_;
  int8x8_t low_, high_;
};

// Lane by lane, as in Int8Channels.
inline void store_totals(const Totals& t, int32_t* out) {
  vst1q_s32(out, t.first);
  vst1q_s32(out + 4, t.second);
}

}  // namespace neon
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_NEON_H_
