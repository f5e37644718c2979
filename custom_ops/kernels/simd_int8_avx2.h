// Int8 vectors of AVX2.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace avx2 {

constexpr char kInt8Target[] = "avx2";
constexpr int kFilters = 8;

// Sums of kFilters output channels, in the lower halves of 64-bit lanes.
struct Totals {
  __m256i first, second;
};

SHIFTADD_INLINE __m256i load_256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

// The order that _mm256_shuffle_ps makes of two vectors of 64-bit lanes is the channels' own, if
// the first one holds the channels 0, 1, 4, 5.
constexpr int filter_of_shuffled_lane(int lane) {
  return lane / 4 * 2 + lane % 2 + lane % 4 / 2 * 4;
}

// psadbw leaves the sum of eight differences in 64 bits: a lane an output channel.
struct AdderLanes {
  static constexpr int kStep = 8, kSideBySide = 8, kPixels = 4;
  static constexpr bool kSubtracts = true, kFlipsInput = true, kInterleaved = false;
  using Input = __m256i;
  using Weights = Totals;
  using Sums = Totals;

  static constexpr int filter_of_lane(int lane) { return filter_of_shuffled_lane(lane); }
  static constexpr int filter_of_position(int position) { return filter_of_lane(position); }

  static SHIFTADD_INLINE Sums start(int32_t tail) {
    const __m256i sum = _mm256_set1_epi64x(-int64_t{tail});
    return {sum, sum};
  }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    int64_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm256_set1_epi64x(bytes);
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, Input x, const Weights& w) {
    sums.first = _mm256_add_epi64(sums.first, _mm256_sad_epu8(x, w.first));
    sums.second = _mm256_add_epi64(sums.second, _mm256_sad_epu8(x, w.second));
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) { return sums; }
};
constexpr bool kHasMaxAdder = false;
using MaxAdderLanes = AdderLanes;
struct ByteSum {
  void add(const uint8_t*, int64_t) {}
  int32_t total() const { return 0; }
};

// A 32-bit lane an output channel. Unsigned bytes times |w| <= 64: two products fit into 16 bits,
// so that pmaddubsw never saturates.
struct ShiftLanes {
  static constexpr int kStep = 4, kSideBySide = 4, kPixels = 8;
  static constexpr bool kSubtracts = false, kFlipsInput = true, kInterleaved = false;
  using Input = __m256i;
  using Weights = __m256i;
  using Sums = __m256i;

  static constexpr int filter_of_lane(int lane) { return filter_of_shuffled_lane(lane); }
  static constexpr int filter_of_position(int position) {
    return filter_of_lane(position / 2 + position % 2 * (kFilters / 2));
  }

  static SHIFTADD_INLINE Sums start(int32_t) { return _mm256_setzero_si256(); }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) { return load_256(p); }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm256_set1_epi32(bytes);
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, Input x, Weights w) {
    const __m256i pairs = _mm256_maddubs_epi16(x, w);
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static SHIFTADD_INLINE Totals totals(Sums sums) { return {sums, _mm256_srli_epi64(sums, 32)}; }
};

// With |w| <= 32, four products fit into 16 bits and are widened together.
struct SmallShiftLanes : ShiftLanes {
  static constexpr int kStep = 8, kPixels = 6;
  struct Input {
    __m256i first, second;
  };
  using Weights = Input;

  static SHIFTADD_INLINE Weights load(const uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    return {ShiftLanes::broadcast(p), ShiftLanes::broadcast(p + 4)};
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, const Input& x, const Weights& w) {
    const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x.first, w.first),
                                           _mm256_maddubs_epi16(x.second, w.second));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

// A 32-bit lane a channel; the input is signed.
struct DepthwiseLanes {
  static constexpr int kPixels = 4;
  static constexpr bool kSubtracts = false, kInterleaved = true;
  using Sums = __m256i;

  static constexpr int filter_of_lane(int lane) {
    return lane % (kFilters / 2) * 2 + lane / (kFilters / 2);
  }

  static SHIFTADD_INLINE Sums start() { return _mm256_setzero_si256(); }
  static SHIFTADD_INLINE __m256i load_weights(const int32_t* p) { return load_256(p); }
  static SHIFTADD_INLINE __m256i load_input(const int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static SHIFTADD_INLINE void subtract_difference(Sums& sums, __m256i x, __m256i w) {
    sums = _mm256_sub_epi32(sums, _mm256_abs_epi32(_mm256_sub_epi32(x, w)));
  }
  // The lower 16 bits of x times those of w; the upper ones of w are zero.
  static SHIFTADD_INLINE void add_product(Sums& sums, __m256i x, __m256i w) {
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
  }
  static SHIFTADD_INLINE Totals totals(Sums sums) { return {sums, _mm256_srli_epi64(sums, 32)}; }
};

template <typename Lanes>
class Requantizer {
 public:
  SHIFTADD_INLINE Requantizer(const Int8Channels<kFilters>& c, const Int8Header& h)
      : multiplier_{load_256(c.multiplier), load_256(c.multiplier + kFilters / 2)},
        addend_{load_256(c.addend), load_256(c.addend + kFilters / 2)},
        shift_(_mm256_sub_epi32(load_256(c.shift), _mm256_set1_epi32(32))),
        low_(_mm_set1_epi8(static_cast<int8_t>(h.low))),
        high_(_mm_set1_epi8(static_cast<int8_t>(h.high))) {}

  SHIFTADD_INLINE void store(const Totals& t, int8_t* y) const {
    const __m256i first = scale(t.first, multiplier_.first, addend_.first);
    const __m256i second = scale(t.second, multiplier_.second, addend_.second);
    __m256i upper;
    if (Lanes::kInterleaved) {
      upper = _mm256_blend_epi32(_mm256_srli_epi64(first, 32), second, 0xAA);
    } else {
      upper = _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(first),
                                                    _mm256_castsi256_ps(second), 0xDD));
    }
    const __m256i quotient = _mm256_srav_epi32(upper, shift_);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(quotient),
                                          _mm256_extracti128_si256(quotient, 1));
    const __m128i bytes = _mm_packs_epi16(words, words);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(y),
                     _mm_min_epi8(_mm_max_epi8(bytes, low_), high_));
  }

 private:
  static SHIFTADD_INLINE __m256i scale(__m256i sum, __m256i multiplier, __m256i addend) {
    const __m256i product = _mm256_mul_epi32(sum, multiplier);
    return Lanes::kSubtracts ? _mm256_sub_epi64(addend, product)
                             : _mm256_add_epi64(addend, product);
  }

  Totals multiplier_, addend_;
  __m256i shift_;
  __m128i low_, high_;
};

// Lane by lane, as in Int8Channels.
inline void store_totals(const Totals& t, int32_t* out) {
  alignas(32) int64_t lanes[kFilters];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), t.first);
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes + kFilters / 2), t.second);
  for (int i = 0; i < kFilters; ++i) out[i] = static_cast<int32_t>(lanes[i]);
}

}  // namespace avx2
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_
