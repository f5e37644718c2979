"""Where the parts of a program lie in the memory of an emulated processor."""

from collections.abc import Iterable

FLASH_BYTES = RAM_BYTES = 4 << 20

_SCRIPT = """\
ENTRY({entry})
EXTERN({roots})
MEMORY
{{
    FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = {flash_bytes:#x}
    RAM (rw) : ORIGIN = {ram:#x}, LENGTH = {ram_bytes:#x}
}}
SECTIONS
{{
    .startup : {{ KEEP(*(.vectors)) KEEP(*(.startup*)) }} > FLASH
    .text : {{ *(.text*) }} > FLASH
    .rodata : {{ *(.rodata*) *(.srodata*) }} > FLASH
    .data : {{ *(.data*) *(.sdata*) }} > RAM
    .bss (NOLOAD) : {{ *(.bss*) *(.sbss*) *(COMMON) }} > RAM
    __image_end = .;
    /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) *(.comment) }}
}}
__stack_top = {stack_top:#x};
"""


def link_script(flash: int, ram: int, entry: str, roots: Iterable[str]) -> str:
    """A linker script.

    What is not reached from `roots` is left out by the linker. Variables with a value are loaded
    to where they are used, as a debugger would do; a device copies them from its flash.

    Args:
        flash: Address of code and constants.
        ram: Address of variables; the stack begins at the end of this memory.
        entry: The function that the program begins with.
        roots: The functions that are to be called.
    """
    return _SCRIPT.format(
        entry=entry,
        roots=" ".join(roots),
        flash=flash,
        ram=ram,
        flash_bytes=FLASH_BYTES,
        ram_bytes=RAM_BYTES,
        stack_top=ram + RAM_BYTES,
    )
