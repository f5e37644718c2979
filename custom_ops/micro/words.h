/* Words of four bytes, wherever they lie. */
#ifndef KERAS_SHIFTADD_MICRO_WORDS_H_
#define KERAS_SHIFTADD_MICRO_WORDS_H_

#include <stdint.h>
#include <string.h>

/* One instruction where the core reads unaligned words. Freestanding compilers would call memcpy
 * under its own name. */
static inline uint32_t ksa_load_word(const void* bytes) {
  uint32_t word;
#if defined(__GNUC__)
  __builtin_memcpy(&word, bytes, sizeof(word));
#else
  memcpy(&word, bytes, sizeof(word));
#endif
  return word;
}

static inline void ksa_store_word(void* bytes, uint32_t word) {
#if defined(__GNUC__)
  __builtin_memcpy(bytes, &word, sizeof(word));
#else
  memcpy(bytes, &word, sizeof(word));
#endif
}

#endif /* KERAS_SHIFTADD_MICRO_WORDS_H_ */
