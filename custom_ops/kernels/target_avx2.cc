// The kernels compiled for avx2.
#include "target.h"
#ifdef SHIFTADD_X86
#include "simd_f32_avx2.h"
#include "simd_int8_avx2.h"

#define SHIFTADD_TARGET avx2
#include "target_kernels.h"

namespace shiftadd {

const Target* target_avx2() { return &avx2::kTarget; }

}  // namespace shiftadd
#endif  // SHIFTADD_X86
