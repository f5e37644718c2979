// The table of the float32 kernels compiled with the flags of the including file.
#ifndef KERAS_SHIFTADD_KERNELS_F32_KERNELS_H_
#define KERAS_SHIFTADD_KERNELS_F32_KERNELS_H_

#include "forward_f32.h"
#include "input_gradient_f32.h"
#include "kernel_gradient_f32.h"
#include "target.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

constexpr F32Kernels kF32Kernels = {
    adder_scratch,  adder,
    input_gradient_scratch, input_gradient,
    kernel_gradient_scratch, kernel_gradient,
};

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_F32_KERNELS_H_
