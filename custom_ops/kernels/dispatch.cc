// Picks the instruction set at run time.
#include <string.h>

#include <atomic>

#include "target.h"

namespace shiftadd {
namespace {

bool processor_has(const char* name) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (strcmp(name, "avx512") == 0) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
  }
  if (strcmp(name, "avx2") == 0) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  }
#endif
  // NEON belongs to every aarch64 processor.
  return strcmp(name, "neon") == 0 || strcmp(name, "scalar") == 0;
}

// Best first.
const Target* const* compiled_targets() {
  static const Target* const targets[] = {
#ifdef SHIFTADD_X86
      target_avx512(), target_avx2(),
#endif
#ifdef SHIFTADD_NEON
      target_neon(),
#endif
      target_scalar(), nullptr};
  return targets;
}

const Target* find(const char* name) {
  for (const Target* const* t = compiled_targets(); *t != nullptr; ++t) {
    if ((name == nullptr || strcmp((*t)->name, name) == 0) && processor_has((*t)->name)) return *t;
  }
  return nullptr;
}

std::atomic<const Target*> active{nullptr};

}  // namespace

const Target& active_target() {
  const Target* target = active.load(std::memory_order_acquire);
  if (target == nullptr) {
    target = find(nullptr);
    active.store(target, std::memory_order_release);
  }
  return *target;
}

#ifdef SHIFTADD_X86
// Zen 4 works on 512 bits in two halves, and loads and broadcasts them at half the rate. Only the
// input gradient, with three instructions an element, is not slowed by that.
const F32Kernels* kernels_of_zen4() {
  static const F32Kernels mixed = [] {
    F32Kernels kernels = narrow_avx512_f32_kernels();
    kernels.input_gradient_scratch = target_avx512()->f32.input_gradient_scratch;
    kernels.input_gradient = target_avx512()->f32.input_gradient;
    return kernels;
  }();
  static const bool family = (__builtin_cpu_init(), __builtin_cpu_is("amdfam19h"));
  return family ? &mixed : nullptr;
}
#endif

const F32Kernels& active_f32_kernels() {
  const Target& target = active_target();
#ifdef SHIFTADD_X86
  if (&target == target_avx512() && kernels_of_zen4() != nullptr) return *kernels_of_zen4();
#endif
  return target.f32;
}

}  // namespace shiftadd

extern "C" {

const char* shiftadd_instruction_set(void) { return shiftadd::active_target().name; }

int shiftadd_use_instruction_set(const char* name) {
  const shiftadd::Target* target = shiftadd::find(name);
  if (target == nullptr) return SHIFTADD_BAD_ARGUMENT;
  shiftadd::active.store(target, std::memory_order_release);
  return SHIFTADD_OK;
}

}  // extern "C"
