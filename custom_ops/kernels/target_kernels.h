// The table of the kernels compiled with the flags of the including file.
#ifndef KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_
#define KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_

#include "f32_kernels.h"
#include "int8_conv.h"
#include "target.h"

#define SHIFTADD_STRING_OF(name) #name
#define SHIFTADD_STRING(name) SHIFTADD_STRING_OF(name)

namespace shiftadd {
namespace SHIFTADD_TARGET {

const Target kTarget = {
    SHIFTADD_STRING(SHIFTADD_TARGET),
    kF32Kernels,
    int8_packed_size,
    int8_pack,
    int8_scratch,
    int8_conv,
};

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_TARGET_KERNELS_H_
