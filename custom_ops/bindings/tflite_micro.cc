// The operators of micro/tflm for tflite-micro's Python interpreter: the code of a firmware, with
// declarations in the place of headers. The interpreter calls the registerer by its name; how
// operators are added to its resolver, a method of C++, it does not tell, so Python hands it over.
#define SHIFTADD_TFLITE_MICRO
#include "tflite_c_api.h"

#define SHIFTADD_TFLM_DECLARATIONS "../../bindings/tflite_c_api.h"
#include "../micro/tflm/shiftadd_tflm.cc"

#include "../kernels/shiftadd.h"

namespace {

using AddCustom = TfLiteStatus (*)(void* resolver, const char* name,
                                   const TFLMRegistration* registration);

AddCustom add_custom = nullptr;

struct Resolver {
  void* resolver;
  TfLiteStatus AddCustom(const char* name, const TFLMRegistration* registration) {
    return add_custom(resolver, name, registration);
  }
};

}  // namespace

extern "C" {

// Takes `MicroMutableOpResolver::AddCustom` of the interpreter that will call the registerer.
SHIFTADD_EXPORT void shiftadd_tflite_micro_use(void* function) {
  add_custom = reinterpret_cast<AddCustom>(function);
}

// What the interpreter calls with its resolver.
SHIFTADD_EXPORT bool shiftadd_tflite_micro_registerer(void* resolver) {
  if (add_custom == nullptr) return false;
  Resolver added = {resolver};
  return keras_shiftadd::AddOperators(added) == kTfLiteOk;
}

}  // extern "C"
