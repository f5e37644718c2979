// Int8 vectors of AVX2.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace avx2 {

constexpr int kFilters = 8;
using Int32s = __m256i;

inline __m256i load_vector(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline Int32s broadcast_int32(int32_t a) { return _mm256_set1_epi32(a); }
inline Int32s load_int32(const int32_t* p) { return load_vector(p); }
inline Int32s add(Int32s a, Int32s b) { return _mm256_add_epi32(a, b); }

// psadbw leaves the sum of eight differences in 64 bits: a lane an output channel.
struct AdderLanes {
  static constexpr int kStep = 8, kPixels = 4;
  using Input = __m256i;
  struct Weights {
    __m256i low, high;
  };
  using Sums = Weights;

  static Sums zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static Weights load(const uint8_t* p) { return {load_vector(p), load_vector(p + 32)}; }
  static Input broadcast(const uint8_t* p) {
    int64_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm256_set1_epi64x(bytes);
  }
  static void add_step(Sums& sums, Input x, const Weights& w) {
    sums.low = _mm256_add_epi64(sums.low, _mm256_sad_epu8(x, w.low));
    sums.high = _mm256_add_epi64(sums.high, _mm256_sad_epu8(x, w.high));
  }
  static Int32s total(const Sums& sums) {
    const __m256 halves = _mm256_shuffle_ps(_mm256_castsi256_ps(sums.low),
                                            _mm256_castsi256_ps(sums.high), 0x88);
    const __m256i ordered = _mm256_permute4x64_epi64(_mm256_castps_si256(halves), 0xD8);
    return _mm256_sub_epi32(_mm256_setzero_si256(), ordered);
  }
};

// Unsigned bytes times |w| <= 64: two products fit into 16 bits, so that pmaddubsw never
// saturates.
struct ShiftLanes {
  static constexpr int kStep = 4, kPixels = 8;
  using Input = __m256i;
  using Weights = __m256i;
  using Sums = __m256i;

  static Sums zero() { return _mm256_setzero_si256(); }
  static Weights load(const uint8_t* p) { return load_vector(p); }
  static Input broadcast(const uint8_t* p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm256_set1_epi32(bytes);
  }
  static void add_step(Sums& sums, Input x, Weights w) {
    const __m256i pairs = _mm256_maddubs_epi16(x, w);
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static Int32s total(Sums sums) { return sums; }
};

// With |w| <= 32, four products fit, and are widened together.
struct SmallShiftLanes {
  static constexpr int kStep = 8, kPixels = 6;
  struct Input {
    __m256i first, second;
  };
  using Weights = Input;
  using Sums = __m256i;

  static Sums zero() { return _mm256_setzero_si256(); }
  static Weights load(const uint8_t* p) { return {load_vector(p), load_vector(p + 32)}; }
  static Input broadcast(const uint8_t* p) {
    return {ShiftLanes::broadcast(p), ShiftLanes::broadcast(p + 4)};
  }
  static void add_step(Sums& sums, const Input& x, const Weights& w) {
    const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x.first, w.first),
                                           _mm256_maddubs_epi16(x.second, w.second));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static Int32s total(Sums sums) { return sums; }
};

// The depthwise loops: a lane a channel, signed bytes.
constexpr int kDepthwisePixels = 4;
inline Int32s load_int8(const int8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline Int32s subtract_difference(Int32s sums, Int32s x, Int32s w) {
  return _mm256_sub_epi32(sums, _mm256_abs_epi32(_mm256_sub_epi32(x, w)));
}
// The lower 16 bits of x times those of w; the upper ones of w are zero.
inline Int32s add_product(Int32s sums, Int32s x, Int32s w) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(x, w));
}

constexpr bool kRequantizesShortShifts = false;
inline void requantize(Int32s values, const Int8Channels<kFilters>& c, const Int8Header& h,
                       int8_t* y) {
  const __m256i multiplier = load_vector(c.multiplier);
  __m256i even = _mm256_mul_epi32(values, multiplier);
  __m256i odd =
      _mm256_mul_epi32(_mm256_srli_epi64(values, 32), _mm256_srli_epi64(multiplier, 32));
  even = _mm256_add_epi64(even, load_vector(c.rounding));
  odd = _mm256_add_epi64(odd, load_vector(c.rounding + kFilters / 2));
  __m256i q = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  q = _mm256_srav_epi32(q, load_vector(c.shift_less_32));
  q = _mm256_max_epi32(q, _mm256_set1_epi32(h.low - h.output_zero));
  q = _mm256_min_epi32(q, _mm256_set1_epi32(h.high - h.output_zero));
  q = _mm256_add_epi32(q, _mm256_set1_epi32(h.output_zero));
  const __m128i words =
      _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(y), _mm_packs_epi16(words, words));
}

}  // namespace avx2
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX2_H_
