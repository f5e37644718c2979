// Float vectors of AVX-512.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX512_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX512_H_

// GCC 12 takes the undefined vectors inside of its own intrinsics for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#include <stdint.h>

namespace shiftadd {
namespace avx512 {

using vec = __m512;
constexpr int kLanes = 16;
constexpr bool kMaxFormPays = true;
// Pixels of a register block with 1, 2, 3 and 4 vectors of output channels, and the usual number
// of vectors.
constexpr int kBlock1 = 12, kBlock2 = 8, kBlock3 = 6, kBlock4 = 6, kUsualVectors = 4;
// The input gradient's: input elements with 1 and 2 vectors of channels, and the usual number.
constexpr int kGradientBlock1 = 8, kGradientBlock2 = 6, kGradientVectors = 1;

inline vec zero() { return _mm512_setzero_ps(); }
inline vec broadcast(float a) { return _mm512_set1_ps(a); }
inline vec broadcast_at(const float* p) { return broadcast(*p); }
inline vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, vec a) { _mm512_storeu_ps(p, a); }
inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
inline vec load_first(const float* p, int n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
inline void store_first(float* p, vec a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a); }

inline vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
inline vec sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
// a - b on the ports of the FMA, which the subtraction leaves alone.
inline vec sub_fused(vec a, vec b, vec one) { return _mm512_fmsub_ps(a, one, b); }
inline vec mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
inline vec multiply_add(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
inline vec max(vec a, vec b) { return _mm512_max_ps(a, b); }
inline vec abs(vec a) { return _mm512_abs_ps(a); }

// A vector of ones that the compiler cannot see through, so that acc + 1 * a stays an FMA:
// additions share their ports with maxima and subtractions, FMAs do not.
inline vec opaque_one() {
  vec one = _mm512_set1_ps(1.0f);
  asm("" : "+v"(one));
  return one;
}
inline vec accumulate(vec acc, vec a, vec one) { return _mm512_fmadd_ps(a, one, acc); }

// max(-1, min(a, 1)); a NaN stays one.
inline vec clip(vec a) {
  return _mm512_max_ps(_mm512_set1_ps(-1.0f), _mm512_min_ps(_mm512_set1_ps(1.0f), a));
}
// The same for numbers that are not NaN: sign(a) * min(|a|, 1) is one instruction.
inline vec clip_number(vec a) { return _mm512_range_ps(a, _mm512_set1_ps(1.0f), 0x2); }

// The lanes for which a >= b does not hold, NaN included.
using lane_mask = __mmask16;
inline lane_mask not_at_least(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_NGE_UQ); }
inline bool any(lane_mask m) { return m != 0; }
inline vec select(lane_mask m, vec yes, vec no) { return _mm512_mask_blend_ps(m, no, yes); }

// Whether some lane is NaN or infinite: 0 * a is then NaN.
inline bool has_nan(vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q) != 0; }

inline float sum(vec a) { return _mm512_reduce_add_ps(a); }

}  // namespace avx512
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_F32_AVX512_H_
