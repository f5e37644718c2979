/* TensorFlow ops over the kernels, on TensorFlow's C API alone: a binary built against one version
 * then loads in others. */
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../kernels/shiftadd.h"
#include "tensorflow_c_api.h"
#include "tensorflow_shapes.h"

namespace shiftadd_tensorflow {
namespace {

enum class Result { kOutput, kInputGradient, kKernelGradient };

const char* OpName(Result result) {
  switch (result) {
    case Result::kInputGradient:
      return "ShiftaddAdderConvInputGradient";
    case Result::kKernelGradient:
      return "ShiftaddAdderConvKernelGradient";
    default:
      return "ShiftaddAdderConv";
  }
}

struct Attributes {
  int64_t kernel_size[2];
  int64_t strides[2];
  int64_t dilation[2];
  std::string padding;
  std::string slope;

  std::string Text() const {
    using shiftadd_tensorflow::Text;
    return "kernel_size=" + Text(kernel_size, 2) + ", strides=" + Text(strides, 2) +
           ", dilation=" + Text(dilation, 2) + ", padding='" + padding + "'";
  }
};

// ---- Construction ------------------------------------------------------------------------------

void ReadPair(TF_OpKernelConstruction* construction, const char* name, int64_t* pair,
              Status* status) {
  int32_t count = 0, unused = 0;
  if (!status->ok()) return;
  TF_OpKernelConstruction_GetAttrSize(construction, name, &count, &unused, status->get());
  if (!status->ok()) return;
  std::vector<int64_t> values(count < 0 ? 0 : count);
  TF_OpKernelConstruction_GetAttrInt64List(construction, name, values.data(), count,
                                           status->get());
  if (!status->ok()) return;
  bool accepted = count == 2;
  // Up to here the products of two attributes stay within 64 bits.
  for (int64_t value : values) accepted = accepted && value >= 1 && value <= INT32_MAX;
  if (!accepted) {
    return status->Refuse(std::string("`") + name +
                          "` must be two integers from 1 to 2147483647. Received: " + name + "=" +
                          Text(values));
  }
  pair[0] = values[0];
  pair[1] = values[1];
}

void ReadWord(TF_OpKernelConstruction* construction, const char* name, std::string* word,
              Status* status) {
  int32_t unused = 0, size = 0;
  if (!status->ok()) return;
  TF_OpKernelConstruction_GetAttrSize(construction, name, &unused, &size, status->get());
  if (!status->ok()) return;
  word->resize(size < 0 ? 0 : size);
  TF_OpKernelConstruction_GetAttrString(construction, name, &(*word)[0], word->size(),
                                        status->get());
}

template <Result result>
void* Create(TF_OpKernelConstruction* construction) {
  auto* attributes = new Attributes();
  Status status;
  ReadPair(construction, "kernel_size", attributes->kernel_size, &status);
  ReadPair(construction, "strides", attributes->strides, &status);
  ReadPair(construction, "dilation", attributes->dilation, &status);
  ReadWord(construction, "padding", &attributes->padding, &status);
  if (result != Result::kOutput) ReadWord(construction, "slope", &attributes->slope, &status);
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction, status.get());
  return attributes;
}

void Delete(void* kernel) { delete static_cast<Attributes*>(kernel); }

// ---- Computation -------------------------------------------------------------------------------

// TensorFlow has checked the words against the op's definition.
int32_t PaddingOf(const std::string& word) {
  return word == "same" ? SHIFTADD_SAME : word == "causal" ? SHIFTADD_CAUSAL : SHIFTADD_VALID;
}

int32_t SlopeOf(const std::string& word) {
  return word == "clip" ? SHIFTADD_CLIP : word == "sign" ? SHIFTADD_SIGN : SHIFTADD_IDENTITY;
}

// Returns the rule that the tensors break, or null; fills the parameters.
const char* Describe(const Attributes& attributes, const Tensor& x, const Tensor& w,
                     shiftadd_conv_params* params) {
  if (x.rank() != 4) return "`x` must have the shape (batch, height, width, channels)";
  if (w.rank() != 4) return "`w` must have the shape (taps, groups, channels, filters)";
  for (int axis = 0; axis < 4; ++axis) {
    if (axis > 0 && x.size(axis) < 1) return "only the batch of `x` may be empty";
    if (w.size(axis) < 1) return "no axis of `w` may be empty";
  }
  if (w.size(0) != attributes.kernel_size[0] * attributes.kernel_size[1]) {
    return "the first axis of `w` must hold kernel_size[0] * kernel_size[1] taps";
  }
  if (x.size(3) != w.size(1) * w.size(2)) {
    return "the channels of `x` must be the groups of `w` times its channels";
  }
  std::memset(params, 0, sizeof(*params));
  params->batch = x.size(0);
  for (int axis = 0; axis < 2; ++axis) {
    params->in_size[axis] = x.size(1 + axis);
    params->kernel_size[axis] = attributes.kernel_size[axis];
    params->strides[axis] = attributes.strides[axis];
    params->dilation[axis] = attributes.dilation[axis];
  }
  params->groups = w.size(1);
  params->channels = w.size(2);
  params->filters = w.size(3);
  params->padding = PaddingOf(attributes.padding);
  const int error = shiftadd_conv_init(params);
  return error == SHIFTADD_OK ? nullptr : shiftadd_error_message(error);
}

size_t ScratchSize(Result result, const shiftadd_conv_params& params, int32_t threads) {
  switch (result) {
    case Result::kInputGradient:
      return shiftadd_adder_conv_f32_input_gradient_scratch(&params, threads);
    case Result::kKernelGradient:
      return shiftadd_adder_conv_f32_kernel_gradient_scratch(&params, threads);
    default:
      return shiftadd_adder_conv_f32_scratch(&params, threads);
  }
}

void ComputeInto(Result result, const Attributes& attributes, TF_OpKernelContext* context,
                 Status* status) {
  const bool is_gradient = result != Result::kOutput;
  const Tensor x(Tensor::Input(context, 0, *status));
  if (!status->ok()) return;
  const Tensor w(Tensor::Input(context, 1, *status));
  if (!status->ok()) return;
  const Tensor g(is_gradient ? Tensor::Input(context, 2, *status) : nullptr);
  if (!status->ok()) return;

  shiftadd_conv_params params;
  const char* rule = Describe(attributes, x, w, &params);
  std::vector<int64_t> shape;
  if (rule == nullptr) {
    shape = {params.batch, params.out_size[0], params.out_size[1], params.groups * params.filters};
    if (is_gradient && g.shape() != shape) rule = "`g` must have the shape of the output";
  }
  if (rule != nullptr) {
    std::string received = "x of shape " + Text(x.shape()) + ", w of shape " + Text(w.shape());
    if (is_gradient) received += ", g of shape " + Text(g.shape());
    return status->Refuse(std::string(OpName(result)) + ": " + rule + ". Received: " + received +
                          ", " + attributes.Text());
  }

  if (result == Result::kInputGradient) shape = x.shape();
  if (result == Result::kKernelGradient) shape = w.shape();
  size_t bytes = sizeof(float);
  for (int64_t size : shape) bytes *= static_cast<size_t>(size);
  const Tensor output(
      TF_AllocateOutput(context, 0, TF_FLOAT, shape.data(), 4, bytes, status->get()));
  if (!status->ok()) return;

  const shiftadd_parallel* parallel = shiftadd_default_parallel();
  const int64_t scratch_size =
      static_cast<int64_t>(ScratchSize(result, params, parallel->threads));
  TF_AllocatorAttributes on_host = {TF_ALLOCATOR_ATTRIBUTES_STRUCT_SIZE, 1};
  const Tensor scratch(
      TF_AllocateTemp(context, TF_UINT8, &scratch_size, 1, &on_host, status->get()));
  if (!status->ok()) return;

  const float* x_data = x.data<float>();
  const float* w_data = w.data<float>();
  float* out = output.data<float>();
  void* work = scratch.data<void>();
  const int32_t slope = SlopeOf(attributes.slope);
  int error;
  if (result == Result::kOutput) {
    error = shiftadd_adder_conv_f32(&params, x_data, w_data, out, work, parallel);
  } else if (result == Result::kInputGradient) {
    error = shiftadd_adder_conv_f32_input_gradient(&params, slope, x_data, w_data,
                                                   g.data<float>(), out, work, parallel);
  } else {
    error = shiftadd_adder_conv_f32_kernel_gradient(&params, slope, x_data, w_data,
                                                    g.data<float>(), out, work, parallel);
  }
  if (error != SHIFTADD_OK) {
    status->Refuse(std::string(OpName(result)) + ": " + shiftadd_error_message(error));
  }
}

template <Result result>
void Compute(void* kernel, TF_OpKernelContext* context) {
  Status status;
  ComputeInto(result, *static_cast<const Attributes*>(kernel), context, &status);
  if (!status.ok()) TF_OpKernelContext_Failure(context, status.get());
}

// ---- Registration ------------------------------------------------------------------------------

template <Result result>
void Register(void (*infer_shape)(TF_ShapeInferenceContext*, TF_Status*)) {
  const char* name = OpName(result);
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
  TF_OpDefinitionBuilderAddInput(op, "x: float");
  TF_OpDefinitionBuilderAddInput(op, "w: float");
  if (result != Result::kOutput) TF_OpDefinitionBuilderAddInput(op, "g: float");
  TF_OpDefinitionBuilderAddOutput(op, "output: float");
  TF_OpDefinitionBuilderAddAttr(op, "kernel_size: list(int)");
  TF_OpDefinitionBuilderAddAttr(op, "strides: list(int)");
  TF_OpDefinitionBuilderAddAttr(op, "dilation: list(int)");
  TF_OpDefinitionBuilderAddAttr(op, "padding: {'valid', 'same', 'causal'}");
  if (result != Result::kOutput) {
    TF_OpDefinitionBuilderAddAttr(op, "slope: {'identity', 'clip', 'sign'}");
  }
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, infer_shape);
  Status status;
  TF_RegisterOpDefinition(op, status.get());
  if (status.ok()) {
    TF_RegisterKernelBuilder(
        name, TF_NewKernelBuilder(name, "CPU", &Create<result>, &Compute<result>, &Delete),
        status.get());
  }
  if (!status.ok()) {
    std::fprintf(stderr, "keras_shiftadd: cannot register the op %s: %s\n", name,
                 TF_Message(status.get()));
  }
}

// TensorFlow collects the ops that a library registers while it is being loaded.
const bool registered = [] {
  Register<Result::kOutput>(&InferOutput);
  Register<Result::kInputGradient>(&InferSameAs<0>);
  Register<Result::kKernelGradient>(&InferSameAs<1>);
  return true;
}();

}  // namespace
}  // namespace shiftadd_tensorflow
