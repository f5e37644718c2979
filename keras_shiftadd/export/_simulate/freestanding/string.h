/* The functions of string.h that a compiler may call by itself, for programs without a C library. */
#ifndef SHIFTADD_FREESTANDING_STRING_H
#define SHIFTADD_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

/* Zig compiles such programs with -ffreestanding, and copies of a few bytes would be calls. */
#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memmove(to, from, size) __builtin_memmove(to, from, size)
#define memset(to, value, size) __builtin_memset(to, value, size)

#endif
