// The float32 kernels compiled for AVX-512 with vectors of 256 bits.
#include "target.h"
#ifdef SHIFTADD_X86
#include "simd_f32_narrow_avx512.h"

#define SHIFTADD_TARGET narrow_avx512
#include "f32_kernels.h"

namespace shiftadd {

const F32Kernels& narrow_avx512_f32_kernels() { return narrow_avx512::kF32Kernels; }

}  // namespace shiftadd
#endif  // SHIFTADD_X86
