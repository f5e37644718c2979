// The public functions of the float32 kernels: checks, and the way to the processor's table.
#include <initializer_list>

#include "common.h"
#include "shiftadd.h"
#include "target.h"

namespace {

using shiftadd::active_f32_kernels;

constexpr int64_t kMaxElements = int64_t{1} << 40;
constexpr int64_t kMaxWindow = int64_t{1} << 22;
constexpr int64_t kMaxSize = int64_t{1} << 31;

const shiftadd_parallel& loops(const shiftadd_parallel* parallel) {
  return parallel == nullptr ? shiftadd::kOneThread : *parallel;
}

bool product_below(int64_t limit, std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors) {
    if (factor == 0) return true;
    if (product > limit / factor) return false;
    product *= factor;
  }
  return product < limit;
}

bool known_slope(int32_t slope) {
  return slope == SHIFTADD_IDENTITY || slope == SHIFTADD_CLIP || slope == SHIFTADD_SIGN;
}

// An empty batch needs none, and one byte keeps every allocator content.
size_t scratch_size(size_t (*size)(const shiftadd_conv_params&, int32_t),
                    const shiftadd_conv_params* p, int32_t threads) {
  if (p == nullptr || p->batch == 0) return 1;
  return size(*p, shiftadd::maximum(threads, 1));
}

}  // namespace

extern "C" {

int shiftadd_conv_init(shiftadd_conv_params* p) {
  if (p == nullptr) return SHIFTADD_BAD_ARGUMENT;
  if (p->padding < SHIFTADD_VALID || p->padding > SHIFTADD_CAUSAL) return SHIFTADD_BAD_ARGUMENT;
  if (p->batch < 0 || p->batch >= kMaxSize) return SHIFTADD_BAD_SIZE;
  for (int64_t value : {p->groups, p->channels, p->filters, p->in_size[0], p->in_size[1],
                        p->kernel_size[0], p->kernel_size[1], p->strides[0], p->strides[1],
                        p->dilation[0], p->dilation[1]}) {
    if (value < 1 || value >= kMaxSize) return SHIFTADD_BAD_SIZE;
  }
  if (!product_below(kMaxWindow, {p->kernel_size[0], p->kernel_size[1], p->channels})) {
    return SHIFTADD_BAD_SIZE;
  }
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t size = p->in_size[axis], stride = p->strides[axis];
    if (!product_below(kMaxSize, {p->kernel_size[axis], p->dilation[axis]})) {
      return SHIFTADD_BAD_SIZE;
    }
    const int64_t extent = (p->kernel_size[axis] - 1) * p->dilation[axis] + 1;
    int64_t before = 0;
    if (p->padding == SHIFTADD_VALID) {
      if (extent > size) return SHIFTADD_BAD_WINDOW;
      p->out_size[axis] = (size - extent) / stride + 1;
    } else {
      p->out_size[axis] = shiftadd::ceil_div(size, stride);
      const int64_t total = (p->out_size[axis] - 1) * stride + extent - size;
      before = p->padding == SHIFTADD_CAUSAL ? extent - 1
                                             : shiftadd::maximum<int64_t>(total, 0) / 2;
    }
    p->pad_before[axis] = before;
  }
  // The padded input is what is held at most.
  const int64_t height = p->in_size[0] + p->pad_before[0] + shiftadd::pad_after(*p, 0);
  const int64_t width = p->in_size[1] + p->pad_before[1] + shiftadd::pad_after(*p, 1);
  const int64_t taps = p->kernel_size[0] * p->kernel_size[1];
  if (!product_below(kMaxElements, {p->batch, height, width, p->groups, p->channels}) ||
      !product_below(kMaxElements,
                     {p->batch, p->out_size[0], p->out_size[1], p->groups, p->filters}) ||
      !product_below(kMaxElements, {taps, p->groups, p->channels, p->filters})) {
    return SHIFTADD_BAD_SIZE;
  }
  return SHIFTADD_OK;
}

const char* shiftadd_error_message(int error) {
  switch (error) {
    case SHIFTADD_OK:
      return "no error";
    case SHIFTADD_BAD_SIZE:
      return "sizes, strides, dilations and counts must be at least 1 and not too large";
    case SHIFTADD_BAD_WINDOW:
      return "the dilated kernel must fit into the input";
    case SHIFTADD_BAD_ARGUMENT:
      return "an argument is unknown or a pointer is null";
    case SHIFTADD_BAD_WEIGHT:
      return "a shift weight must be 0 or plus or minus a power of two from 1 to 64";
    default:
      return "unknown error";
  }
}

size_t shiftadd_adder_conv_f32_scratch(const shiftadd_conv_params* p, int32_t threads) {
  return scratch_size(active_f32_kernels().adder_scratch, p, threads);
}

int shiftadd_adder_conv_f32(const shiftadd_conv_params* p, const float* x, const float* w,
                            float* y, void* scratch, const shiftadd_parallel* parallel) {
  if (p == nullptr || w == nullptr) return SHIFTADD_BAD_ARGUMENT;
  if (p->batch == 0) return SHIFTADD_OK;
  if (x == nullptr || y == nullptr || scratch == nullptr) return SHIFTADD_BAD_ARGUMENT;
  active_f32_kernels().adder(*p, x, w, y, scratch, loops(parallel));
  return SHIFTADD_OK;
}

size_t shiftadd_adder_conv_f32_input_gradient_scratch(const shiftadd_conv_params* p,
                                                      int32_t threads) {
  return scratch_size(active_f32_kernels().input_gradient_scratch, p, threads);
}

int shiftadd_adder_conv_f32_input_gradient(const shiftadd_conv_params* p, int32_t slope,
                                           const float* x, const float* w, const float* g,
                                           float* dx, void* scratch,
                                           const shiftadd_parallel* parallel) {
  if (p == nullptr || w == nullptr || !known_slope(slope)) return SHIFTADD_BAD_ARGUMENT;
  if (p->batch == 0) return SHIFTADD_OK;
  if (x == nullptr || g == nullptr || dx == nullptr || scratch == nullptr) {
    return SHIFTADD_BAD_ARGUMENT;
  }
  active_f32_kernels().input_gradient(*p, slope, x, w, g, dx, scratch, loops(parallel));
  return SHIFTADD_OK;
}

size_t shiftadd_adder_conv_f32_kernel_gradient_scratch(const shiftadd_conv_params* p,
                                                       int32_t threads) {
  return scratch_size(active_f32_kernels().kernel_gradient_scratch, p, threads);
}

int shiftadd_adder_conv_f32_kernel_gradient(const shiftadd_conv_params* p, int32_t slope,
                                            const float* x, const float* w, const float* g,
                                            float* dw, void* scratch,
                                            const shiftadd_parallel* parallel) {
  if (p == nullptr || w == nullptr || dw == nullptr || !known_slope(slope)) {
    return SHIFTADD_BAD_ARGUMENT;
  }
  if (p->batch == 0) {
    const int64_t count = shiftadd::taps_of(*p) * p->groups * p->channels * p->filters;
    for (int64_t i = 0; i < count; ++i) dw[i] = 0.0f;
    return SHIFTADD_OK;
  }
  if (x == nullptr || g == nullptr || scratch == nullptr) return SHIFTADD_BAD_ARGUMENT;
  active_f32_kernels().kernel_gradient(*p, slope, x, w, g, dw, scratch, loops(parallel));
  return SHIFTADD_OK;
}

int32_t shiftadd_abi_version(void) { return SHIFTADD_ABI_VERSION; }

}  // extern "C"
