// What this library is. The text comes from the build: JSON, as SHIFTADD_MANIFEST.
#include "shiftadd.h"

#ifndef SHIFTADD_MANIFEST
#define SHIFTADD_MANIFEST "{\"library\": \"kernels\"}"
#endif

extern "C" const char* shiftadd_manifest(void) { return SHIFTADD_MANIFEST; }
