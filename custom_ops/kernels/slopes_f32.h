// What stands in for the derivative of the absolute value, on vectors.
#ifndef KERAS_SHIFTADD_KERNELS_SLOPES_F32_H_
#define KERAS_SHIFTADD_KERNELS_SLOPES_F32_H_

#include "shiftadd.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// `kNumbers`: no operand is NaN or infinite, which admits a shorter clip.
template <int kSlope, bool kNumbers>
inline vec slope_of(vec difference) {
  if constexpr (kSlope == SHIFTADD_CLIP) {
    return kNumbers ? clip_number(difference) : clip(difference);
  } else if constexpr (kSlope == SHIFTADD_SIGN) {
    // Twice 2^100 takes the smallest float beyond 1, which the clip makes its sign.
    const vec large = broadcast(0x1p100f);
    return clip(mul(mul(difference, large), large));
  } else {
    return difference;
  }
}

// Becomes NaN, and stays so, once a value is NaN or infinite.
inline vec watch(vec seen, vec value) { return multiply_add(value, zero(), seen); }

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SLOPES_F32_H_
