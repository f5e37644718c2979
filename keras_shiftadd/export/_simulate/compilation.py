"""Compiles C files to a program for a processor."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from keras_shiftadd.export._imports import require
from keras_shiftadd.export._simulate.elf import Elf, read_elf
from keras_shiftadd.export._simulate.link_script import link_script
from keras_shiftadd.export._simulate.tools import find_program
from keras_shiftadd.export._targets import Core

Compiler = Literal["zig", "gcc"]
COMPILERS: tuple[Compiler, ...] = ("zig", "gcc")

# Each function in a section of its own, so that the linker leaves out what is not called. Zig keeps
# frame pointers where nothing is said.
_FLAGS = ("-std=c99", "-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer", "-O3")
# Without a C library: string.h, and memcpy and its like.
_FREESTANDING = Path(__file__).with_name("freestanding")
_GCC = {"thumb": "arm-none-eabi-gcc", "riscv": "riscv64-unknown-elf-gcc"}


class CompilationError(RuntimeError):
    """A compiler refused C source."""


def compile_program(
    sources: Sequence[Path],
    core: Core,
    program: Path,
    roots: Sequence[str],
    flags: Sequence[str] = (),
    include: Sequence[Path] = (),
    compiler: Compiler = "zig",
) -> Elf:
    """Compiles and links C files without an operating system or a C library.

    Args:
        sources: The files.
        core: The processor.
        program: The ELF file to write.
        roots: The functions that will be called, the first of them by a machine that starts; the
            linker leaves out what they do not reach.
        flags: Further flags, behind those for C99 and `-O3`.
        include: Folders of headers.
        compiler: `"zig"`, clang from the package ziglang, or `"gcc"`, Debian's cross compilers.

    Returns:
        The program.

    Raises:
        CompilationError: If the compiler refuses the source.
        ImportError: If ziglang is not installed.
        FileNotFoundError: If the cross compiler is not installed.
    """
    script = program.with_suffix(".ld")
    script.write_text(link_script(core.flash, core.ram, roots[0], roots), encoding="utf-8")
    arguments = [
        *_FLAGS,
        *flags,
        *(f"-I{folder}" for folder in (*include, _FREESTANDING)),
        *map(str, sources),
        str(_FREESTANDING / "string.c"),
        "-o",
        str(program),
        "-Wl,--gc-sections",
        f"-Wl,-T,{script}",
        f"-Wl,-e,{roots[0]}",
    ]
    if compiler == "zig":
        require("ziglang", "a C compiler for the processor", 'pip install "keras-shiftadd[micro]"')
        command = [sys.executable, "-m", "ziglang", "cc", *core.zig, *arguments]
    else:
        # Newlib is not linked; the compiler's own library has what the processor lacks, such as
        # a multiplication.
        gcc = find_program(_GCC[core.instruction_set])
        command = [gcc, *core.gcc, "-ffreestanding", *arguments, "-nostdlib", "-lgcc"]
    run_compiler(command)
    return read_elf(program)


def run_compiler(command: Sequence[str]) -> None:
    """Runs a compiler.

    Raises:
        CompilationError: If it fails, with the first error that it printed.
    """
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or ["no output"]
        first = next((line for line in lines if "error" in line or "undefined" in line), lines[0])
        raise CompilationError(
            f"The C source must compile. The compiler said: {first.strip()}\n{done.stdout}"
        )
