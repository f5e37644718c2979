// The custom operators of keras_shiftadd for tflite-micro. README.md says how to build them.
#ifndef KERAS_SHIFTADD_MICRO_TFLM_SHIFTADD_TFLM_H_
#define KERAS_SHIFTADD_MICRO_TFLM_SHIFTADD_TFLM_H_

// The Python interpreter's wheel has no headers: its binding names declarations of its own.
#ifdef SHIFTADD_TFLM_DECLARATIONS
#include SHIFTADD_TFLM_DECLARATIONS
#else
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_common.h"
#endif

namespace keras_shiftadd {

// How many places of a MicroMutableOpResolver the operators take.
constexpr int kOperators = 10;

struct Operator {
  const char* name;
  const TFLMRegistration* registration;
};

// The operators, in an array of kOperators.
const Operator* Operators();

// Adds all operators to a resolver.
template <typename Resolver>
TfLiteStatus AddOperators(Resolver& resolver) {
  for (int i = 0; i < kOperators; ++i) {
    const Operator& added = Operators()[i];
    const TfLiteStatus status = resolver.AddCustom(added.name, added.registration);
    if (status != kTfLiteOk) return status;
  }
  return kTfLiteOk;
}

}  // namespace keras_shiftadd

#endif  // KERAS_SHIFTADD_MICRO_TFLM_SHIFTADD_TFLM_H_
