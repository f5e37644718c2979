/* Files of the host, for programs in an emulator: the calls of Arm's semihosting that are needed,
 * which RISC-V has taken over. */
#ifndef SHIFTADD_SEMIHOSTING_H
#define SHIFTADD_SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>

#define SEMIHOSTING_INLINE inline __attribute__((always_inline))

#define SEMIHOSTING_READ 1  /* "rb" */
#define SEMIHOSTING_WRITE 5 /* "wb" */

static SEMIHOSTING_INLINE intptr_t semihosting_call(intptr_t operation, const void *arguments)
{
#ifdef __arm__
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#else
    register intptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = arguments;
    /* The three instructions, none of them compressed, are what emulators look for. */
    __asm__ volatile(
        ".balign 16\n"
        ".option push\n"
        ".option norvc\n"
        "slli x0, x0, 0x1f\n"
        "ebreak\n"
        "srai x0, x0, 7\n"
        ".option pop\n"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    return a0;
#endif
}

static SEMIHOSTING_INLINE intptr_t semihosting_open(const char *name, intptr_t mode)
{
    intptr_t length = 0;
    while (name[length] != 0)
        length++;
    const intptr_t arguments[3] = {(intptr_t)name, mode, length};
    return semihosting_call(1, arguments);
}

static SEMIHOSTING_INLINE void semihosting_close(intptr_t file) { semihosting_call(2, &file); }

static SEMIHOSTING_INLINE void semihosting_write(intptr_t file, const void *data, size_t size)
{
    const intptr_t arguments[3] = {file, (intptr_t)data, (intptr_t)size};
    semihosting_call(5, arguments);
}

/* Returns the number of bytes that were not read. */
static SEMIHOSTING_INLINE intptr_t semihosting_read(intptr_t file, void *data, size_t size)
{
    const intptr_t arguments[3] = {file, (intptr_t)data, (intptr_t)size};
    return semihosting_call(6, arguments);
}

static SEMIHOSTING_INLINE void semihosting_exit(void)
{
    semihosting_call(0x18, (const void *)0x20026); /* the application ended */
}

#endif
