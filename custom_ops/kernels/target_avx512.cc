// The kernels compiled for avx512.
#include "target.h"
#ifdef SHIFTADD_X86
#include "simd_f32_avx512.h"
#include "simd_int8_avx512.h"

#define SHIFTADD_TARGET avx512
#include "target_kernels.h"

namespace shiftadd {

const Target* target_avx512() { return &avx512::kTarget; }

}  // namespace shiftadd
#endif  // SHIFTADD_X86
