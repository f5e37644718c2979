// The kernels compiled for neon.
#include "target.h"
#ifdef SHIFTADD_NEON
#include "simd_f32_neon.h"
#include "simd_int8_neon.h"

#define SHIFTADD_TARGET neon
#include "target_kernels.h"

namespace shiftadd {

const Target* target_neon() { return &neon::kTarget; }

}  // namespace shiftadd
#endif  // SHIFTADD_NEON
