// The kernels of one instruction set, as a table: one translation unit fills one in.
#ifndef KERAS_SHIFTADD_KERNELS_TARGET_H_
#define KERAS_SHIFTADD_KERNELS_TARGET_H_

#include "shiftadd.h"

#if defined(__x86_64__)
#define SHIFTADD_X86 1
#elif defined(__aarch64__)
#define SHIFTADD_NEON 1
#endif

namespace shiftadd {

// The functions take parameters that shiftadd_conv_init has accepted, pointers that are not null,
// a batch of at least one, and a `parallel` that is never null.
struct F32Kernels {
  size_t (*adder_scratch)(const shiftadd_conv_params&, int32_t threads);
  void (*adder)(const shiftadd_conv_params&, const float* x, const float* w, float* y,
                void* scratch, const shiftadd_parallel&);

  size_t (*input_gradient_scratch)(const shiftadd_conv_params&, int32_t threads);
  void (*input_gradient)(const shiftadd_conv_params&, int32_t slope, const float* x,
                         const float* w, const float* g, float* dx, void* scratch,
                         const shiftadd_parallel&);

  size_t (*kernel_gradient_scratch)(const shiftadd_conv_params&, int32_t threads);
  void (*kernel_gradient)(const shiftadd_conv_params&, int32_t slope, const float* x,
                          const float* w, const float* g, float* dw, void* scratch,
                          const shiftadd_parallel&);
};

struct Target {
  const char* name;
  F32Kernels f32;

  size_t (*int8_packed_size)(const shiftadd_conv_params&, int32_t op);
  int (*int8_pack)(const shiftadd_conv_params&, int32_t op, const int8_t* w, int32_t input_zero,
                   const shiftadd_requantization&, void* packed);
  size_t (*int8_scratch)(const shiftadd_conv_params&, int32_t op, int32_t threads);
  int (*int8_conv)(const shiftadd_conv_params&, int32_t op, const int8_t* x, const void* packed,
                   int8_t* y, void* scratch, const shiftadd_parallel&);
};

// AVX tables exist on x86-64, NEON's on aarch64, the scalar one everywhere.
const Target* target_avx512();
const Target* target_avx2();
const Target* target_neon();
const Target* target_scalar();

// Another set of float32 kernels for avx512, with vectors of 256 bits.
const F32Kernels& narrow_avx512_f32_kernels();

// The table in force; chosen at the first call.
const Target& active_target();

// Its float32 kernels: the ones whose vectors suit the processor.
const F32Kernels& active_f32_kernels();

}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_TARGET_H_
