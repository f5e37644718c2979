// The kernels compiled for scalar.
#include "target.h"

#include "simd_f32_scalar.h"
#include "simd_int8_scalar.h"

#define SHIFTADD_TARGET scalar
#include "target_kernels.h"

namespace shiftadd {

const Target* target_scalar() { return &scalar::kTarget; }

}  // namespace shiftadd

