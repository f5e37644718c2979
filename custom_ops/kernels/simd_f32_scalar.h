// Float "vectors" of any processor: four lanes in plain C++, which compilers vectorise or not.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_F32_SCALAR_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_F32_SCALAR_H_

#include <math.h>
#include <stdint.h>

namespace shiftadd {
namespace scalar {

constexpr int kLanes = 4;
struct vec {
  float lane[kLanes];
};
constexpr bool kMaxFormPays = false;
// Pixels of a register block with 1, 2, 3 and 4 vectors of output channels, and the usual number
// of vectors.
constexpr int kBlock1 = 4, kBlock2 = 2, kBlock3 = 1, kBlock4 = 1, kUsualVectors = 2;
// The input gradient's: input elements with 1 and 2 vectors of channels, and the usual number.
constexpr int kGradientBlock1 = 2, kGradientBlock2 = 1, kGradientVectors = 2;

template <typename F>
inline vec lanewise(F f) {
  vec r;
  for (int i = 0; i < kLanes; ++i) r.lane[i] = f(i);
  return r;
}

inline vec broadcast(float a) {
  return lanewise([=](int) { return a; });
}
inline vec zero() { return broadcast(0.0f); }
inline vec broadcast_at(const float* p) { return broadcast(*p); }
inline vec load(const float* p) {
  return lanewise([=](int i) { return p[i]; });
}
inline void store(float* p, vec a) {
  for (int i = 0; i < kLanes; ++i) p[i] = a.lane[i];
}
inline vec load_first(const float* p, int n) {
  return lanewise([=](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store_first(float* p, vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.lane[i];
}

inline vec add(vec a, vec b) {
  return lanewise([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline vec sub(vec a, vec b) {
  return lanewise([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline vec sub_fused(vec a, vec b, vec) { return sub(a, b); }
inline vec mul(vec a, vec b) {
  return lanewise([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline vec multiply_add(vec a, vec b, vec c) {
  return lanewise([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
}
inline vec max(vec a, vec b) {
  return lanewise([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline vec abs(vec a) {
  return lanewise([&](int i) { return fabsf(a.lane[i]); });
}
inline vec opaque_one() { return broadcast(1.0f); }
inline vec accumulate(vec acc, vec a, vec) { return add(acc, a); }

// max(-1, min(a, 1)); a NaN stays one.
inline vec clip(vec a) {
  return lanewise([&](int i) {
    const float low = a.lane[i] > 1.0f ? 1.0f : a.lane[i];
    return low < -1.0f ? -1.0f : low;
  });
}
inline vec clip_number(vec a) { return clip(a); }

// The lanes for which a >= b does not hold, NaN included.
struct lane_mask {
  bool lane[kLanes];
};
inline lane_mask not_at_least(vec a, vec b) {
  lane_mask m;
  for (int i = 0; i < kLanes; ++i) m.lane[i] = !(a.lane[i] >= b.lane[i]);
  return m;
}
inline bool any(lane_mask m) {
  bool r = false;
  for (int i = 0; i < kLanes; ++i) r = r || m.lane[i];
  return r;
}
inline vec select(lane_mask m, vec yes, vec no) {
  return lanewise([&](int i) { return m.lane[i] ? yes.lane[i] : no.lane[i]; });
}

inline bool has_nan(vec a) {
  bool r = false;
  for (int i = 0; i < kLanes; ++i) r = r || a.lane[i] != a.lane[i];
  return r;
}

inline float sum(vec a) {
  float r = 0.0f;
  for (int i = 0; i < kLanes; ++i) r += a.lane[i];
  return r;
}

}  // namespace scalar
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_F32_SCALAR_H_
