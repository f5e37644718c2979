// What the library of a binding is, and the interface of the kernels that it was compiled for.
// A part of each of these libraries. The text comes from the build: JSON, as SHIFTADD_MANIFEST.
#include "../kernels/shiftadd.h"

#ifndef SHIFTADD_MANIFEST
#define SHIFTADD_MANIFEST "{\"library\": \"binding\"}"
#endif

extern "C" {

SHIFTADD_EXPORT int32_t shiftadd_binding_abi_version(void) { return SHIFTADD_ABI_VERSION; }

SHIFTADD_EXPORT const char* shiftadd_binding_manifest(void) { return SHIFTADD_MANIFEST; }

}  // extern "C"
