// The custom operators of a .tflite file for LiteRT on the host, as an external delegate: each of
// these nodes is replaced by a kernel of its own, so that LiteRT plans the memory between them.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "../kernels/shiftadd.h"
#include "litert_operators.h"
#include "tflite_c_api.h"

namespace {

using shiftadd_litert::Conv;
using shiftadd_litert::Lookup;
using shiftadd_litert::Operator;

constexpr char kPrefix[] = "SHIFTADD_";
constexpr char kLookupName[] = "SHIFTADD_LOOKUP";

TfLiteStatus report(TfLiteContext* context, const char* error) {
  if (error == nullptr) return kTfLiteOk;
  context->ReportError(context, "keras_shiftadd: %s", error);
  return kTfLiteError;
}

bool is_ours(const TfLiteRegistration* registration) {
  const char* name = registration->custom_name;
  return name != nullptr && std::strncmp(name, kPrefix, sizeof(kPrefix) - 1) == 0;
}

void* init(TfLiteContext* context, const char* buffer, size_t) {
  const auto* params = reinterpret_cast<const TfLiteDelegateParams*>(buffer);
  TfLiteNode* node = nullptr;
  TfLiteRegistration* registration = nullptr;
  const int index = params->nodes_to_replace->data[0];
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk) {
    return nullptr;
  }
  if (std::strcmp(registration->custom_name, kLookupName) == 0) return new Lookup(*node);
  return new Conv(*node);
}

void release(TfLiteContext*, void* buffer) { delete static_cast<Operator*>(buffer); }

TfLiteStatus prepare(TfLiteContext* context, TfLiteNode* node) {
  auto* op = static_cast<Operator*>(node->user_data);
  return report(context, op == nullptr ? "a node cannot be read" : op->prepare(context));
}

TfLiteStatus invoke(TfLiteContext* context, TfLiteNode* node) {
  return report(context, static_cast<Operator*>(node->user_data)->invoke(context));
}

TfLiteStatus take_nodes(TfLiteContext* context, TfLiteDelegate* delegate) {
  TfLiteIntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return kTfLiteError;
  // The plan changes with each node that is taken.
  const std::vector<int> nodes(plan->data, plan->data + plan->size);
  TfLiteRegistration kernel = {};
  kernel.init = init;
  kernel.free = release;
  kernel.prepare = prepare;
  kernel.invoke = invoke;
  kernel.custom_name = "keras_shiftadd";
  kernel.version = 1;
  for (int index : nodes) {
    TfLiteNode* node = nullptr;
    TfLiteRegistration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, index, &node, &registration) != kTfLiteOk) {
      return kTfLiteError;
    }
    if (!is_ours(registration)) continue;
    const int one[] = {1, index};  // a TfLiteIntArray
    const TfLiteStatus status = context->ReplaceNodeSubsetsWithDelegateKernels(
        context, kernel, reinterpret_cast<const TfLiteIntArray*>(one), delegate);
    if (status != kTfLiteOk) return status;
  }
  return kTfLiteOk;
}

}  // namespace

extern "C" {

// The two functions by which LiteRT makes and ends an external delegate. It has no options.
SHIFTADD_EXPORT TfLiteDelegate* tflite_plugin_create_delegate(const char* const*,
                                                              const char* const*, size_t,
                                                              void (*)(const char*)) {
  auto* delegate = new TfLiteDelegate();
  delegate->Prepare = take_nodes;
  delegate->flags = kTfLiteDelegateFlagsAllowDynamicTensors;
  return delegate;
}

SHIFTADD_EXPORT void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { delete delegate; }

}  // extern "C"
