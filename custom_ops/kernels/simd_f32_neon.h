// Float vectors of aarch64's NEON.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_F32_NEON_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_F32_NEON_H_

#include <arm_neon.h>
#include <stdint.h>

namespace shiftadd {
namespace neon {

using vec = float32x4_t;
constexpr int kLanes = 4;
// FABD is a whole absolute difference: the exact form has as few instructions as the max form.
constexpr bool kMaxFormPays = false;
// Pixels of a register block with 1, 2, 3 and 4 vectors of output channels, and the usual number
// of vectors.
constexpr int kBlock1 = 12, kBlock2 = 8, kBlock3 = 6, kBlock4 = 6, kUsualVectors = 4;
// The input gradient's: input elements with 1 and 2 vectors of channels, and the usual number.
constexpr int kGradientBlock1 = 8, kGradientBlock2 = 6, kGradientVectors = 2;

inline vec zero() { return vdupq_n_f32(0.0f); }
inline vec broadcast(float a) { return vdupq_n_f32(a); }
inline vec broadcast_at(const float* p) { return broadcast(*p); }
inline vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, vec a) { vst1q_f32(p, a); }
inline vec load_first(const float* p, int n) {
  float lanes[kLanes] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return vld1q_f32(lanes);
}
inline void store_first(float* p, vec a, int n) {
  float lanes[kLanes];
  vst1q_f32(lanes, a);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

inline vec add(vec a, vec b) { return vaddq_f32(a, b); }
inline vec sub(vec a, vec b) { return vsubq_f32(a, b); }
inline vec sub_fused(vec a, vec b, vec) { return sub(a, b); }
inline vec mul(vec a, vec b) { return vmulq_f32(a, b); }
inline vec multiply_add(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
inline vec max(vec a, vec b) { return vmaxq_f32(a, b); }
inline vec abs(vec a) { return vabsq_f32(a); }
inline vec opaque_one() { return vdupq_n_f32(1.0f); }
inline vec accumulate(vec acc, vec a, vec) { return vaddq_f32(acc, a); }

// max(-1, min(a, 1)); NEON's minima and maxima hand NaN on.
inline vec clip(vec a) {
  return vmaxq_f32(vdupq_n_f32(-1.0f), vminq_f32(vdupq_n_f32(1.0f), a));
}
inline vec clip_number(vec a) { return clip(a); }

// The lanes for which a >= b does not hold, NaN included.
using lane_mask = uint32x4_t;
inline lane_mask not_at_least(vec a, vec b) { return vmvnq_u32(vcgeq_f32(a, b)); }
inline bool any(lane_mask m) { return vmaxvq_u32(m) != 0; }
inline vec select(lane_mask m, vec yes, vec no) { return vbslq_f32(m, yes, no); }

inline bool has_nan(vec a) { return any(vmvnq_u32(vceqq_f32(a, a))); }

inline float sum(vec a) { return vaddvq_f32(a); }

}  // namespace neon
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_F32_NEON_H_
