/* The first instructions of a processor after a reset. */
int main(void);

#ifdef __arm__
extern char __stack_top[];

__attribute__((section(".startup"))) void reset(void);

void reset(void)
{
    main();
    for (;;) {
    }
}

/* What the processor reads first: the end of the stack, and where to begin. */
__attribute__((section(".vectors"), used)) static const void *const vectors[2] = {
    __stack_top,
    (const void *)reset,
};
#else
__attribute__((naked, section(".vectors"), used)) void reset(void);

void reset(void)
{
    __asm__("la sp, __stack_top\n"
            "call main\n"
            "1: j 1b\n");
}
#endif
