/* memcpy and memset. Compilers need them in any case and bring them along, but a freestanding one
 * may lack <string.h>. */
#ifndef KERAS_SHIFTADD_MICRO_MEMORY_H_
#define KERAS_SHIFTADD_MICRO_MEMORY_H_

#include <stddef.h>

void* memcpy(void* restrict out, const void* restrict in, size_t bytes);
void* memset(void* out, int value, size_t bytes);

#endif /* KERAS_SHIFTADD_MICRO_MEMORY_H_ */
