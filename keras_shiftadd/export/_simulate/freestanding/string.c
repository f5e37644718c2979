/* memcpy, memmove and memset a word at a time where addresses allow, as C libraries do. GCC would
 * see a call of memcpy in the loops of memcpy. */
#include "string.h"

#include <stdint.h>

#undef memcpy
#undef memmove
#undef memset

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint32_t __attribute__((may_alias)) word;

static int aligned(const void *first, const void *second)
{
    return (((uintptr_t)first | (uintptr_t)second) & 3) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if (aligned(to, from)) {
        for (; size >= 16; size -= 16, out += 16, in += 16) {
            word *words = (word *)(void *)out;
            const word *source = (const word *)(const void *)in;
            const word a = source[0], b = source[1], c = source[2], d = source[3];
            words[0] = a;
            words[1] = b;
            words[2] = c;
            words[3] = d;
        }
        for (; size >= 4; size -= 4, out += 4, in += 4)
            *(word *)(void *)out = *(const word *)(const void *)in;
    }
    for (; size > 0; size--)
        *out++ = *in++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, size); /* forwards; words that overlap are read before written */
    while (size > 0) {
        size--;
        out[size] = in[size];
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    uint8_t *out = to;
    const word pattern = (uint8_t)value * 0x01010101u;
    if (aligned(to, to)) {
        for (; size >= 4; size -= 4, out += 4)
            *(word *)(void *)out = pattern;
    }
    for (; size > 0; size--)
        *out++ = (uint8_t)value;
    return to;
}

#ifdef __arm__
/* What compilers for Arm call in their place. */
void __aeabi_memcpy(void *to, const void *from, size_t size);
void __aeabi_memcpy4(void *to, const void *from, size_t size);
void __aeabi_memcpy8(void *to, const void *from, size_t size);
void __aeabi_memmove(void *to, const void *from, size_t size);
void __aeabi_memmove4(void *to, const void *from, size_t size);
void __aeabi_memmove8(void *to, const void *from, size_t size);
void __aeabi_memset(void *to, size_t size, int value);
void __aeabi_memset4(void *to, size_t size, int value);
void __aeabi_memset8(void *to, size_t size, int value);
void __aeabi_memclr(void *to, size_t size);
void __aeabi_memclr4(void *to, size_t size);
void __aeabi_memclr8(void *to, size_t size);

void __aeabi_memcpy(void *to, const void *from, size_t size) { memcpy(to, from, size); }
void __aeabi_memcpy4(void *to, const void *from, size_t size) { memcpy(to, from, size); }
void __aeabi_memcpy8(void *to, const void *from, size_t size) { memcpy(to, from, size); }
void __aeabi_memmove(void *to, const void *from, size_t size) { memmove(to, from, size); }
void __aeabi_memmove4(void *to, const void *from, size_t size) { memmove(to, from, size); }
void __aeabi_memmove8(void *to, const void *from, size_t size) { memmove(to, from, size); }
void __aeabi_memset(void *to, size_t size, int value) { memset(to, value, size); }
void __aeabi_memset4(void *to, size_t size, int value) { memset(to, value, size); }
void __aeabi_memset8(void *to, size_t size, int value) { memset(to, value, size); }
void __aeabi_memclr(void *to, size_t size) { memset(to, 0, size); }
void __aeabi_memclr4(void *to, size_t size) { memset(to, 0, size); }
void __aeabi_memclr8(void *to, size_t size) { memset(to, 0, size); }
#endif
