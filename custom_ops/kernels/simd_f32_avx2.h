// Float vectors of AVX2 with FMA.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX2_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX2_H_

#include <immintrin.h>
#include <stdint.h>

namespace shiftadd {
namespace avx2 {

using vec = __m256;
constexpr int kLanes = 8;
constexpr bool kMaxFormPays = true;
// Pixels of a register block with 1, 2, 3 and 4 vectors of output channels, and the usual number
// of vectors.
constexpr int kBlock1 = 8, kBlock2 = 5, kBlock3 = 3, kBlock4 = 2, kUsualVectors = 2;
// The input gradient's: input elements with 1 and 2 vectors of channels, and the usual number.
constexpr int kGradientBlock1 = 8, kGradientBlock2 = 3, kGradientVectors = 2;

inline vec zero() { return _mm256_setzero_ps(); }
inline vec broadcast(float a) { return _mm256_set1_ps(a); }
inline vec broadcast_at(const float* p) { return broadcast(*p); }
inline vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, vec a) { _mm256_storeu_ps(p, a); }
inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline vec load_first(const float* p, int n) { return _mm256_maskload_ps(p, first_lanes(n)); }
inline void store_first(float* p, vec a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a); }

inline vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
inline vec sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
// a - b on the ports of the FMA, which the subtraction leaves alone.
inline vec sub_fused(vec a, vec b, vec one) { return _mm256_fmsub_ps(a, one, b); }
inline vec mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
inline vec multiply_add(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
inline vec max(vec a, vec b) { return _mm256_max_ps(a, b); }
inline vec abs(vec a) {
  return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}

// A vector of ones that the compiler cannot see through, so that acc + 1 * a stays an FMA:
// additions share their ports with maxima and subtractions, FMAs do not.
inline vec opaque_one() {
  vec one = _mm256_set1_ps(1.0f);
  asm("" : "+x"(one));
  return one;
}
inline vec accumulate(vec acc, vec a, vec one) { return _mm256_fmadd_ps(a, one, acc); }

// max(-1, min(a, 1)); a NaN stays one.
inline vec clip(vec a) {
  return _mm256_max_ps(_mm256_set1_ps(-1.0f), _mm256_min_ps(_mm256_set1_ps(1.0f), a));
}
// The same for numbers that are not NaN, on the bits: integer minima have ports of their own.
inline vec clip_number(vec a) {
  const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1.0f));
  const __m256i minus_one = _mm256_castps_si256(_mm256_set1_ps(-1.0f));
  __m256i bits = _mm256_castps_si256(a);
  bits = _mm256_min_epu32(_mm256_min_epi32(bits, one), minus_one);
  return _mm256_castsi256_ps(bits);
}

// The lanes for which a >= b does not hold, NaN included.
using lane_mask = __m256;
inline lane_mask not_at_least(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_NGE_UQ); }
inline bool any(lane_mask m) { return _mm256_movemask_ps(m) != 0; }
inline vec select(lane_mask m, vec yes, vec no) { return _mm256_blendv_ps(no, yes, m); }

inline bool has_nan(vec a) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a, a, _CMP_UNORD_Q)) != 0;
}

inline float sum(vec a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

}  // namespace avx2
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX2_H_
