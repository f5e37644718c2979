// XLA handlers over the kernels, for JAX on the CPU. XLA's interface is a matter of headers: the
// library links to the kernels alone. Types and ranks are checked by XLA's decoding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "../kernels/shiftadd.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;

using Tensor = ffi::Buffer<ffi::F32, 4>;
using Result = ffi::ResultBuffer<ffi::F32, 4>;
using Pair = ffi::Span<const int64_t>;
using Shape = ffi::Span<const int64_t>;

std::string text(ffi::Span<const int64_t> values) {
  std::string result = "(";
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) result += ", ";
    result += std::to_string(values[i]);
  }
  return result + ")";
}

// The arguments of a call: tensors, window, and what follows from them.
class Call {
 public:
  Call(const Tensor& x, const Tensor& w, Pair kernel_size, Pair strides, Pair dilation,
       int64_t padding)
      : x_(x.dimensions()), w_(w.dimensions()) {
    received_ = "x of shape " + text(x_) + ", w of shape " + text(w_) + ", kernel_size=" +
                text(kernel_size) + ", strides=" + text(strides) + ", dilation=" +
                text(dilation) + ", padding=" + std::to_string(padding);
    rule_ = describe(kernel_size, strides, dilation, padding);
  }

  const shiftadd_conv_params& params() const { return params_; }

  // Whether a tensor has the shape of x, of w, or of the output.
  void expect_shape_of_x(const char* name, Shape shape) { expect(name, shape, x_); }
  void expect_shape_of_w(const char* name, Shape shape) { expect(name, shape, w_); }
  void expect_shape_of_output(const char* name, Shape shape) {
    const int64_t output[] = {params_.batch, params_.out_size[0], params_.out_size[1],
                              params_.groups * params_.filters};
    expect(name, shape, Shape(output, 4));
  }

  void expect_slope(int64_t slope) {
    if (!rule_.empty() || (slope >= SHIFTADD_IDENTITY && slope <= SHIFTADD_SIGN)) return;
    rule_ = "the slope is unknown";
    received_ += ", slope=" + std::to_string(slope);
  }

  ffi::Error error() const {
    if (rule_.empty()) return ffi::Error::Success();
    return ffi::Error::InvalidArgument("Adder convolution: " + rule_ + ". Received: " + received_ +
                                       ".");
  }

 private:
  std::string describe(Pair kernel_size, Pair strides, Pair dilation, int64_t padding) {
    for (const Pair& pair : {kernel_size, strides, dilation}) {
      if (pair.size() != 2) return "kernel_size, strides and dilation must hold two integers";
    }
    if (padding < SHIFTADD_VALID || padding > SHIFTADD_CAUSAL) return "the padding is unknown";
    // Up to here the product below stays within 64 bits.
    if (kernel_size[0] < 1 || kernel_size[1] < 1 || kernel_size[0] > INT32_MAX ||
        kernel_size[1] > INT32_MAX || w_[0] != kernel_size[0] * kernel_size[1]) {
      return "the first axis of w must hold kernel_size[0] * kernel_size[1] taps";
    }
    if (w_[1] < 1 || w_[2] < 1 || x_[3] % w_[1] != 0 || x_[3] / w_[1] != w_[2]) {
      return "the channels of x must be the groups of w times its channels";
    }
    params_.batch = x_[0];
    for (int axis = 0; axis < 2; ++axis) {
      params_.in_size[axis] = x_[1 + axis];
      params_.kernel_size[axis] = kernel_size[axis];
      params_.strides[axis] = strides[axis];
      params_.dilation[axis] = dilation[axis];
    }
    params_.groups = w_[1];
    params_.channels = w_[2];
    params_.filters = w_[3];
    params_.padding = static_cast<int32_t>(padding);
    const int error = shiftadd_conv_init(&params_);
    return error == SHIFTADD_OK ? "" : shiftadd_error_message(error);
  }

  void expect(const char* name, Shape shape, Shape wanted) {
    if (!rule_.empty()) return;
    bool equal = shape.size() == wanted.size();
    for (size_t i = 0; equal && i < shape.size(); ++i) equal = shape[i] == wanted[i];
    if (equal) return;
    rule_ = std::string(name) + " must have the shape " + text(wanted);
    received_ += std::string(", ") + name + " of shape " + text(shape);
  }

  Shape x_, w_;
  shiftadd_conv_params params_ = {};
  std::string rule_, received_;
};

// Runs a kernel; it takes scratch memory and the threads. XLA's own allocator of scratch memory
// refuses to serve on the CPU, hence the heap.
template <typename Kernel>
ffi::Error run(const Call& call, size_t (*scratch_size)(const shiftadd_conv_params*, int32_t),
               Kernel kernel) {
  const shiftadd_parallel* parallel = shiftadd_default_parallel();
  constexpr size_t kAlignment = 64;
  size_t size = scratch_size(&call.params(), parallel->threads);
  size = (size / kAlignment + 1) * kAlignment;
  const std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(kAlignment, size),
                                                            &std::free);
  if (scratch == nullptr) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted,
                      "Adder convolution: no memory for " + std::to_string(size) +
                          " bytes of scratch.");
  }
  const int error = kernel(scratch.get(), parallel);
  if (error == SHIFTADD_OK) return ffi::Error::Success();
  return ffi::Error::Internal(std::string("Adder convolution: ") + shiftadd_error_message(error));
}

ffi::Error adder_conv(Tensor x, Tensor w, Result y, Pair kernel_size, Pair strides, Pair dilation,
                      int64_t padding) {
  Call call(x, w, kernel_size, strides, dilation, padding);
  call.expect_shape_of_output("the output", y->dimensions());
  if (ffi::Error error = call.error(); error.failure()) return error;
  return run(call, shiftadd_adder_conv_f32_scratch,
             [&](void* scratch, const shiftadd_parallel* parallel) {
               return shiftadd_adder_conv_f32(&call.params(), x.typed_data(), w.typed_data(),
                                              y->typed_data(), scratch, parallel);
             });
}

ffi::Error input_gradient(Tensor x, Tensor w, Tensor g, Result dx, Pair kernel_size, Pair strides,
                          Pair dilation, int64_t padding, int64_t slope) {
  Call call(x, w, kernel_size, strides, dilation, padding);
  call.expect_slope(slope);
  call.expect_shape_of_output("g", g.dimensions());
  call.expect_shape_of_x("the input gradient", dx->dimensions());
  if (ffi::Error error = call.error(); error.failure()) return error;
  return run(call, shiftadd_adder_conv_f32_input_gradient_scratch,
             [&](void* scratch, const shiftadd_parallel* parallel) {
               return shiftadd_adder_conv_f32_input_gradient(
                   &call.params(), static_cast<int32_t>(slope), x.typed_data(), w.typed_data(),
                   g.typed_data(), dx->typed_data(), scratch, parallel);
             });
}

ffi::Error kernel_gradient(Tensor x, Tensor w, Tensor g, Result dw, Pair kernel_size, Pair strides,
                           Pair dilation, int64_t padding, int64_t slope) {
  Call call(x, w, kernel_size, strides, dilation, padding);
  call.expect_slope(slope);
  call.expect_shape_of_output("g", g.dimensions());
  call.expect_shape_of_w("the kernel gradient", dw->dimensions());
  if (ffi::Error error = call.error(); error.failure()) return error;
  return run(call, shiftadd_adder_conv_f32_kernel_gradient_scratch,
             [&](void* scratch, const shiftadd_parallel* parallel) {
               return shiftadd_adder_conv_f32_kernel_gradient(
                   &call.params(), static_cast<int32_t>(slope), x.typed_data(), w.typed_data(),
                   g.typed_data(), dw->typed_data(), scratch, parallel);
             });
}

template <typename Binding>
auto with_window(Binding binding) {
  return std::move(binding)
      .template Attr<Pair>("kernel_size")
      .template Attr<Pair>("strides")
      .template Attr<Pair>("dilation")
      .template Attr<int64_t>("padding");
}

auto gradient_binding() {
  return with_window(
             ffi::Ffi::Bind().Arg<Tensor>().Arg<Tensor>().Arg<Tensor>().Ret<Tensor>())
      .Attr<int64_t>("slope");
}

}  // namespace

extern "C" {

SHIFTADD_EXPORT XLA_FFI_Error* shiftadd_jax_adder_conv(XLA_FFI_CallFrame* frame) {
  static auto* handler = with_window(ffi::Ffi::Bind()
                                                         .Arg<Tensor>()
                                         .Arg<Tensor>()
                                         .Ret<Tensor>())
                             .To(adder_conv)
                             .release();
  return handler->Call(frame);
}

SHIFTADD_EXPORT XLA_FFI_Error* shiftadd_jax_adder_conv_input_gradient(XLA_FFI_CallFrame* frame) {
  static auto* handler = gradient_binding().To(input_gradient).release();
  return handler->Call(frame);
}

SHIFTADD_EXPORT XLA_FFI_Error* shiftadd_jax_adder_conv_kernel_gradient(XLA_FFI_CallFrame* frame) {
  static auto* handler = gradient_binding().To(kernel_gradient).release();
  return handler->Call(frame);
}

}  // extern "C"
