// The table of the kernels compiled with the flags of the including file.
#ifndef KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_
#define KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_

#include "forward_f32.h"
#include "input_gradient_f32.h"
#include "kernel_gradient_f32.h"
#include "target.h"

#define SHIFTADD_STRING_OF(name) #name
#define SHIFTADD_STRING(name) SHIFTADD_STRING_OF(name)

namespace shiftadd {
namespace SHIFTADD_TARGET {

const Target kTarget = {
    SHIFTADD_STRING(SHIFTADD_TARGET),
    adder_scratch,
    adder,
    input_gradient_scratch,
    input_gradient,
    kernel_gradient_scratch,
    kernel_gradient,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
};

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_
