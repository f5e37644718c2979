/* Kernels of keras_shiftadd: the plain C interface. No framework, no heap: the caller owns every
 * buffer, the scratch memory included.
 *
 * Layout, everywhere: activations are dense and channels-last, (batch, height, width, channels).
 * A one-dimensional convolution has width 1. Kernels are dense
 * (height * width, groups, channels of a group, filters of a group), taps in row-major order.
 * Output channel = group * filters + filter. Counts and sizes are at least 1, a batch may be 0.
 * Offsets are 64 bits wide; the number of elements of every tensor must stay below 2^40, that of
 * one window (taps * channels) below 2^22, so that integer sums cannot overflow.
 *
 * Functions return SHIFTADD_OK or one of the errors below, and touch no output in that case.
 * They are thread-safe as long as the outputs and the scratch memory are not shared.
 */
#ifndef KERAS_SHIFTADD_KERNELS_SHIFTADD_H_
#define KERAS_SHIFTADD_KERNELS_SHIFTADD_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SHIFTADD_EXPORT __attribute__((visibility("default")))
#else
#define SHIFTADD_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change of this file; bindings refuse another number. */
#define SHIFTADD_ABI_VERSION 1

typedef enum {
  SHIFTADD_OK = 0,
  SHIFTADD_BAD_SIZE = 1,     /* a count, size, stride or dilation is below 1, or too large */
  SHIFTADD_BAD_WINDOW = 2,   /* the dilated kernel does not fit into the input */
  SHIFTADD_BAD_ARGUMENT = 3, /* an enumeration or a null pointer */
  SHIFTADD_BAD_WEIGHT = 4    /* a shift weight is no power of two in range */
} shiftadd_error;

typedef enum {
  SHIFTADD_VALID = 0,
  SHIFTADD_SAME = 1,  /* split evenly, the odd element behind */
  SHIFTADD_CAUSAL = 2 /* all padding in front */
} shiftadd_padding;

/* What stands in for the derivative of the absolute value. */
typedef enum {
  SHIFTADD_IDENTITY = 0, /* d */
  SHIFTADD_CLIP = 1,     /* max(-1, min(d, 1)) */
  SHIFTADD_SIGN = 2      /* -1, 0, 1 */
} shiftadd_slope;

typedef struct {
  /* Set by the caller. */
  int64_t batch;
  int64_t in_size[2];
  int64_t kernel_size[2];
  int64_t strides[2];
  int64_t dilation[2];
  int64_t groups;
  int64_t channels; /* of a group */
  int64_t filters;  /* of a group */
  int32_t padding;  /* shiftadd_padding */
  /* Set by shiftadd_conv_init. */
  int64_t out_size[2];
  int64_t pad_before[2];
} shiftadd_conv_params;

/* Checks the caller's fields and sets the others. Every other function takes parameters that
 * this one has accepted. */
SHIFTADD_EXPORT int shiftadd_conv_init(shiftadd_conv_params* params);

/* A sentence for an error number; never null. */
SHIFTADD_EXPORT const char* shiftadd_error_message(int error);

/* ---- Threads -------------------------------------------------------------------------------- */

/* One item of a loop. `worker` is below the number of threads of the loop, and no two items run
 * with the same one at once. */
typedef void (*shiftadd_task)(void* context, int64_t item, int32_t worker);

/* How a kernel runs its loops. `parallel_for` runs all items, at most `threads` at once, and
 * returns when they are done. Null stands for the calling thread alone. Results do not depend on
 * it. Scratch memory grows with `threads`: ask for it with the same number. */
typedef struct {
  void (*parallel_for)(void* pool, int32_t threads, int64_t items, shiftadd_task task,
                       void* context);
  void* pool;
  int32_t threads;
} shiftadd_parallel;

/* The library's own pool, made at first use; its threads sleep between loops, and a child of a
 * fork makes its own. A loop that finds the pool busy runs on its calling thread. The result is
 * this thread's copy, unchanged until this thread calls again. */
SHIFTADD_EXPORT const shiftadd_parallel* shiftadd_default_parallel(void);

/* Sets the number of threads of the own pool; 0 is one for each processor that the process may
 * use. Returns the number that is in force. Takes effect with the next loop. */
SHIFTADD_EXPORT int32_t shiftadd_set_threads(int32_t threads);

/* ---- Float32 adder convolution -------------------------------------------------------------- */

/* y = -sum |x - w|, padding holds zero.
 *
 * Two forms. The max form, sum |x - w| = 2 sum max(x, w) - sum x - sum w, runs at the
 * multiply-add rate and cancels where x and w lie close together and far from zero. The exact
 * form sums |x - w|. Rule: an output for which the max form gives
 *     sum |x - w| < (sum |x| + sum |w|) / SHIFTADD_MAX_FORM_LIMIT
 * or a number that is not finite is computed again in the exact form. The rule looks at one
 * output alone, so that results depend neither on the number of threads nor on the rest of the
 * tensor. Not-a-number and infinities thereby propagate as in the exact form. Convolutions with
 * groups, with few filters or with few pixels take the exact form from the start. */
#define SHIFTADD_MAX_FORM_LIMIT 8

SHIFTADD_EXPORT size_t shiftadd_adder_conv_f32_scratch(const shiftadd_conv_params* params,
                                                       int32_t threads);
SHIFTADD_EXPORT int shiftadd_adder_conv_f32(const shiftadd_conv_params* params, const float* x,
                                            const float* w, float* y, void* scratch,
                                            const shiftadd_parallel* parallel);

/* dx = sum g * slope(w - x) over all windows that read an element; g has the shape of y. */
SHIFTADD_EXPORT size_t shiftadd_adder_conv_f32_input_gradient_scratch(
    const shiftadd_conv_params* params, int32_t threads);
SHIFTADD_EXPORT int shiftadd_adder_conv_f32_input_gradient(
    const shiftadd_conv_params* params, int32_t slope, const float* x, const float* w,
    const float* g, float* dx, void* scratch, const shiftadd_parallel* parallel);

/* dw = sum g * slope(x - w) over all pixels. */
SHIFTADD_EXPORT size_t shiftadd_adder_conv_f32_kernel_gradient_scratch(
    const shiftadd_conv_params* params, int32_t threads);
SHIFTADD_EXPORT int shiftadd_adder_conv_f32_kernel_gradient(
    const shiftadd_conv_params* params, int32_t slope, const float* x, const float* w,
    const float* g, float* dw, void* scratch, const shiftadd_parallel* parallel);

/* ---- Int8 inference ------------------------------------------------------------------------- */

/* Requantisation, adder and shift alike (docs/integer_ops.md):
 *     y = clamp(floor((sum + bias) * multiplier / 2^shift + 1/2) + output_zero, low, high)
 * with one rounding, in 64 bits, `shift` in 1..62 and |(sum + bias) * multiplier| < 2^62. One
 * bias, multiplier and shift an output channel. */
typedef struct {
  const int32_t* bias;       /* (groups * filters), |bias| < 2^30 */
  const int32_t* multiplier; /* (groups * filters), may be negative */
  const int32_t* shift;      /* (groups * filters) */
  int32_t output_zero;       /* -128..127 */
  int32_t low, high;         /* -128..127, low <= high */
} shiftadd_requantization;

typedef enum {
  SHIFTADD_ADDER = 0, /* sum = -sum |x - w|; w is int8 on the scale and zero point of x */
  SHIFTADD_SHIFT = 1  /* sum = sum (x - input_zero) * w; w is 0 or +-2^e, e in 0..6 */
} shiftadd_operator;

/* Weights are packed once, for the processor at hand; packed bytes are not for storage. Padding
 * holds `input_zero`. The sums of an operator must fit into 32 bits: packing a shift kernel with
 * 255 * sum |w| + |bias| >= 2^31 in an output channel is SHIFTADD_BAD_SIZE. Weights that were
 * packed for another convolution or instruction set are SHIFTADD_BAD_ARGUMENT. */
SHIFTADD_EXPORT size_t shiftadd_conv_int8_packed_size(const shiftadd_conv_params* params,
                                                      int32_t op);
SHIFTADD_EXPORT int shiftadd_conv_int8_pack(const shiftadd_conv_params* params, int32_t op,
                                            const int8_t* w, int32_t input_zero,
                                            const shiftadd_requantization* requantization,
                                            void* packed);

SHIFTADD_EXPORT size_t shiftadd_conv_int8_scratch(const shiftadd_conv_params* params, int32_t op,
                                                  int32_t threads);
SHIFTADD_EXPORT int shiftadd_conv_int8(const shiftadd_conv_params* params, int32_t op,
                                       const int8_t* x, const void* packed, int8_t* y,
                                       void* scratch, const shiftadd_parallel* parallel);

/* ---- What this library is ------------------------------------------------------------------- */

SHIFTADD_EXPORT int32_t shiftadd_abi_version(void);

/* JSON: version, compiler, flags, hash of the sources, instruction sets compiled in. */
SHIFTADD_EXPORT const char* shiftadd_manifest(void);

/* The instruction set in force: "avx512", "avx2", "neon" or "scalar". */
SHIFTADD_EXPORT const char* shiftadd_instruction_set(void);

/* Takes another instruction set that this processor and this library have, for tests and
 * measurements; a null name takes the best. Returns SHIFTADD_OK or SHIFTADD_BAD_ARGUMENT. Not to
 * be called while a kernel runs; packed int8 weights are void afterwards. */
SHIFTADD_EXPORT int shiftadd_use_instruction_set(const char* name);

#ifdef __cplusplus
}
#endif
#endif /* KERAS_SHIFTADD_KERNELS_SHIFTADD_H_ */
