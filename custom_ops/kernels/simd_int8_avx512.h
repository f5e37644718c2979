// Int8 vectors of AVX-512 with VNNI.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace avx512 {

constexpr int kFilters = 16;
using Int32s = __m512i;

inline Int32s broadcast_int32(int32_t a) { return _mm512_set1_epi32(a); }
inline Int32s load_int32(const int32_t* p) { return _mm512_loadu_si512(p); }
inline Int32s add(Int32s a, Int32s b) { return _mm512_add_epi32(a, b); }

// psadbw leaves the sum of eight differences in 64 bits: a lane an output channel.
struct AdderLanes {
  static constexpr int kStep = 8, kPixels = 8;
  using Input = __m512i;
  struct Weights {
    __m512i low, high;
  };
  using Sums = Weights;

  static Sums zero() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
  static Weights load(const uint8_t* p) {
    return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 64)};
  }
  static Input broadcast(const uint8_t* p) {
    int64_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm512_set1_epi64(bytes);
  }
  static void add_step(Sums& sums, Input x, const Weights& w) {
    sums.low = _mm512_add_epi64(sums.low, _mm512_sad_epu8(x, w.low));
    sums.high = _mm512_add_epi64(sums.high, _mm512_sad_epu8(x, w.high));
  }
  static Int32s total(const Sums& sums) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                           30);
    const __m512i ordered = _mm512_permutex2var_epi32(sums.low, even, sums.high);
    return _mm512_sub_epi32(_mm512_setzero_si512(), ordered);
  }
};

struct ShiftLanes {
  static constexpr int kStep = 4, kPixels = 8;
  using Input = __m512i;
  using Weights = __m512i;
  using Sums = __m512i;

  static Sums zero() { return _mm512_setzero_si512(); }
  static Weights load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static Input broadcast(const uint8_t* p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm512_set1_epi32(bytes);
  }
  static void add_step(Sums& sums, Input x, Weights w) {
    sums = _mm512_dpbusd_epi32(sums, x, w);
  }
  static Int32s total(Sums sums) { return sums; }
};
using SmallShiftLanes = ShiftLanes;

// The depthwise loops: a lane a channel, signed bytes.
constexpr int kDepthwisePixels = 4;
inline Int32s load_int8(const int8_t* p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Int32s subtract_difference(Int32s sums, Int32s x, Int32s w) {
  return _mm512_sub_epi32(sums, _mm512_abs_epi32(_mm512_sub_epi32(x, w)));
}
// The lower 16 bits of x times those of w; the upper ones of w are zero.
inline Int32s add_product(Int32s sums, Int32s x, Int32s w) {
  return _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
}

constexpr bool kRequantizesShortShifts = false;
inline void requantize(Int32s values, const Int8Channels<kFilters>& c, const Int8Header& h,
                       int8_t* y) {
  const __m512i multiplier = _mm512_loadu_si512(c.multiplier);
  __m512i even = _mm512_mul_epi32(values, multiplier);
  __m512i odd =
      _mm512_mul_epi32(_mm512_srli_epi64(values, 32), _mm512_srli_epi64(multiplier, 32));
  even = _mm512_add_epi64(even, _mm512_loadu_si512(c.rounding));
  odd = _mm512_add_epi64(odd, _mm512_loadu_si512(c.rounding + kFilters / 2));
  __m512i q = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xAAAA, odd);
  q = _mm512_srav_epi32(q, _mm512_loadu_si512(c.shift_less_32));
  q = _mm512_max_epi32(q, _mm512_set1_epi32(h.low - h.output_zero));
  q = _mm512_min_epi32(q, _mm512_set1_epi32(h.high - h.output_zero));
  q = _mm512_add_epi32(q, _mm512_set1_epi32(h.output_zero));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm512_cvtepi32_epi8(q));
}

}  // namespace avx512
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_
