// Float vectors of AVX-512, 256 bits wide: 32 registers, masks and ranges without the long vectors,
// which some processors (Zen 4) work off in halves and load at half the rate.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_F32_NARROW_AVX512_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_F32_NARROW_AVX512_H_

// GCC 12 takes the undefined vectors inside of its own intrinsics for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#include <stdint.h>

namespace shiftadd {
namespace narrow_avx512 {

using vec = __m256;
constexpr int kLanes = 8;
constexpr bool kMaxFormPays = true;
// Pixels of a register block with 1, 2, 3 and 4 vectors of output channels, and the usual number
// of vectors.
constexpr int kBlock1 = 8, kBlock2 = 6, kBlock3 = 6, kBlock4 = 6, kUsualVectors = 4;
// The input gradient's: input elements with 1 and 2 vectors of channels, and the usual number.
constexpr int kGradientBlock1 = 8, kGradientBlock2 = 6, kGradientVectors = 2;

inline vec zero() { return _mm256_setzero_ps(); }
inline vec broadcast(float a) { return _mm256_set1_ps(a); }
// In one of the lower registers: the instruction for the upper ones takes twice as long on Zen 4.
inline vec broadcast_at(const float* p) {
  vec a = _mm256_set1_ps(*p);
  asm("" : "+x"(a));
  return a;
}
inline vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, vec a) { _mm256_storeu_ps(p, a); }
inline __mmask8 first_lanes(int n) { return static_cast<__mmask8>((1u << n) - 1u); }
inline vec load_first(const float* p, int n) { return _mm256_maskz_loadu_ps(first_lanes(n), p); }
inline void store_first(float* p, vec a, int n) { _mm256_mask_storeu_ps(p, first_lanes(n), a); }

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
  asm("" : "+v"(one));
  return one;
}
inline vec accumulate(vec acc, vec a, vec one) { return _mm256_fmadd_ps(a, one, acc); }

// max(-1, min(a, 1)); a NaN stays one.
inline vec clip(vec a) {
  return _mm256_max_ps(_mm256_set1_ps(-1.0f), _mm256_min_ps(_mm256_set1_ps(1.0f), a));
}
// The same for numbers that are not NaN: sign(a) * min(|a|, 1) is one instruction.
inline vec clip_number(vec a) { return _mm256_range_ps(a, _mm256_set1_ps(1.0f), 0x2); }

// The lanes for which a >= b does not hold, NaN included.
using lane_mask = __mmask8;
inline lane_mask not_at_least(vec a, vec b) { return _mm256_cmp_ps_mask(a, b, _CMP_NGE_UQ); }
inline bool any(lane_mask m) { return m != 0; }
inline vec select(lane_mask m, vec yes, vec no) { return _mm256_mask_blend_ps(m, no, yes); }

// Whether some lane is NaN or infinite: 0 * a is then NaN.
inline bool has_nan(vec a) { return _mm256_cmp_ps_mask(a, a, _CMP_UNORD_Q) != 0; }

inline float sum(vec a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

}  // namespace narrow_avx512
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_F32_NARROW_AVX512_H_
