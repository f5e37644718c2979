// Nothing is copied: weights and channel arrays are read where the file has them.
#include "shiftadd_tflm.h"

#include <stddef.h>
#include <stdint.h>

#include "conv_options.h"

namespace keras_shiftadd {
namespace {

constexpr int kLookupEntries = 256;

TfLiteStatus Fail(TfLiteContext* context, const char* message) {
  if (context->ReportError != nullptr) context->ReportError(context, "%s", message);
  return kTfLiteError;
}

TfLiteEvalTensor* Tensor(TfLiteContext* context, const TfLiteIntArray* list, int index) {
  return context->GetEvalTensor(context, list->data[index]);
}

// Whether a tensor has this many elements of this type.
bool Holds(const TfLiteEvalTensor* tensor, TfLiteType type, uint64_t elements) {
  if (tensor == nullptr || tensor->type != type) return false;
  uint64_t count = 1;
  for (int i = 0; tensor->dims != nullptr && i < tensor->dims->size; ++i) {
    if (tensor->dims->data[i] < 0 || count > elements) return false;
    count *= static_cast<uint64_t>(tensor->dims->data[i]);
  }
  return count == elements;
}

bool IsConstant(const TfLiteEvalTensor* tensor, TfLiteType type, uint64_t elements) {
  return Holds(tensor, type, elements) && tensor->data.data != nullptr;
}

struct Conv {
  bool read;
  ksa_conv_options options;
};

void* ConvInit(TfLiteContext* context, const char* buffer, size_t length) {
  Conv* conv = static_cast<Conv*>(context->AllocatePersistentBuffer(context, sizeof(Conv)));
  if (conv == nullptr) return nullptr;
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(buffer);
  conv->read = ksa_read_conv_options(bytes, length, &conv->options) != 0;
  return conv;
}

TfLiteStatus ConvPrepare(TfLiteContext* context, TfLiteNode* node) {
  Conv* conv = static_cast<Conv*>(node->user_data);
  if (conv == nullptr || !conv->read) return Fail(context, "shiftadd: options are damaged");
  if (node->inputs->size != 5 || node->outputs->size != 1) {
    return Fail(context, "shiftadd: a convolution has 5 inputs and 1 output");
  }
  const ksa_conv_options& options = conv->options;
  const uint64_t channels = options.params.out_channels;
  const TfLiteEvalTensor* weights = Tensor(context, node->inputs, 1);
  const TfLiteEvalTensor* bias = Tensor(context, node->inputs, 2);
  const TfLiteEvalTensor* multiplier = Tensor(context, node->inputs, 3);
  const TfLiteEvalTensor* shift = Tensor(context, node->inputs, 4);
  const TfLiteType kernel = options.operation == KSA_OPTIONS_SHIFT ? kTfLiteUInt8 : kTfLiteInt8;
  if (!Holds(Tensor(context, node->inputs, 0), kTfLiteInt8, ksa_conv_input_bytes(&options)) ||
      !Holds(Tensor(context, node->outputs, 0), kTfLiteInt8, ksa_conv_output_bytes(&options)) ||
      !IsConstant(weights, kernel, ksa_conv_weight_bytes(&options)) ||
      !IsConstant(bias, kTfLiteInt32, channels) ||
      !IsConstant(multiplier, kTfLiteInt32, channels) ||
      !IsConstant(shift, kTfLiteUInt8, channels)) {
    return Fail(context, "shiftadd: the tensors of a convolution do not fit its options");
  }
  ksa_conv_params& params = conv->options.params;
  params.weights = weights->data.data;
  params.bias = static_cast<const int32_t*>(bias->data.data);
  params.multiplier = static_cast<const int32_t*>(multiplier->data.data);
  params.shift = static_cast<const uint8_t*>(shift->data.data);
  if (!ksa_conv_channels_fit(&options)) {
    return Fail(context, "shiftadd: a bias or a shift of a convolution is out of range");
  }
  return kTfLiteOk;
}

TfLiteStatus ConvInvoke(TfLiteContext* context, TfLiteNode* node) {
  const Conv* conv = static_cast<const Conv*>(node->user_data);
  const TfLiteEvalTensor* x = Tensor(context, node->inputs, 0);
  TfLiteEvalTensor* y = Tensor(context, node->outputs, 0);
  ksa_portable_conv(&conv->options)(&conv->options.params,
                                    static_cast<const int8_t*>(x->data.data),
                                    static_cast<int8_t*>(y->data.data), nullptr);
  return kTfLiteOk;
}

struct Lookup {
  uint32_t size;
};

void* LookupInit(TfLiteContext* context, const char*, size_t) {
  return context->AllocatePersistentBuffer(context, sizeof(Lookup));
}

TfLiteStatus LookupPrepare(TfLiteContext* context, TfLiteNode* node) {
  Lookup* lookup = static_cast<Lookup*>(node->user_data);
  if (lookup == nullptr) return kTfLiteError;
  if (node->inputs->size != 2 || node->outputs->size != 1) {
    return Fail(context, "shiftadd: a lookup has 2 inputs and 1 output");
  }
  const TfLiteEvalTensor* x = Tensor(context, node->inputs, 0);
  uint64_t size = 1;
  for (int i = 0; x->dims != nullptr && i < x->dims->size; ++i) {
    size *= static_cast<uint64_t>(x->dims->data[i]);
    if (x->dims->data[i] < 0 || size > INT32_MAX) return Fail(context, "shiftadd: bad shape");
  }
  if (!Holds(x, kTfLiteInt8, size) ||
      !Holds(Tensor(context, node->outputs, 0), kTfLiteInt8, size) ||
      !IsConstant(Tensor(context, node->inputs, 1), kTfLiteInt8, kLookupEntries)) {
    return Fail(context, "shiftadd: the tensors of a lookup do not fit each other");
  }
  lookup->size = static_cast<uint32_t>(size);
  return kTfLiteOk;
}

TfLiteStatus LookupInvoke(TfLiteContext* context, TfLiteNode* node) {
  const Lookup* lookup = static_cast<const Lookup*>(node->user_data);
  const TfLiteEvalTensor* x = Tensor(context, node->inputs, 0);
  const TfLiteEvalTensor* table = Tensor(context, node->inputs, 1);
  TfLiteEvalTensor* y = Tensor(context, node->outputs, 0);
  ksa_lookup(static_cast<const int8_t*>(table->data.data), lookup->size,
             static_cast<const int8_t*>(x->data.data), static_cast<int8_t*>(y->data.data));
  return kTfLiteOk;
}

constexpr TFLMRegistration kConv = {ConvInit, nullptr, ConvPrepare, ConvInvoke,
                                    nullptr,  0,       nullptr};
constexpr TFLMRegistration kLookup = {LookupInit, nullptr, LookupPrepare, LookupInvoke,
                                      nullptr,    0,       nullptr};

constexpr Operator kAll[kOperators] = {
    {"SHIFTADD_CONV_2D", &kConv},
    {"SHIFTADD_DEPTHWISE_CONV_2D", &kConv},
    {"SHIFTADD_FULLY_CONNECTED", &kConv},
    {"SHIFTADD_ADDER_CONV_2D", &kConv},
    {"SHIFTADD_ADDER_DEPTHWISE_CONV_2D", &kConv},
    {"SHIFTADD_ADDER_FULLY_CONNECTED", &kConv},
    {"SHIFTADD_SHIFT_CONV_2D", &kConv},
    {"SHIFTADD_SHIFT_DEPTHWISE_CONV_2D", &kConv},
    {"SHIFTADD_SHIFT_FULLY_CONNECTED", &kConv},
    {"SHIFTADD_LOOKUP", &kLookup},
};

}  // namespace

const Operator* Operators() { return kAll; }

}  // namespace keras_shiftadd
