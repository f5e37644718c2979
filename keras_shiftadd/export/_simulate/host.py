"""A program for the machine that this runs on, with the calls of an emulated one."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

from keras_shiftadd.export._simulate.compilation import run_compiler
from keras_shiftadd.export._simulate.tools import host_compiler

_FLAGS = ("-std=c99", "-O2", "-shared", "-fPIC")


def compile_library(
    sources: Sequence[Path],
    library: Path,
    flags: Sequence[str] = (),
    include: Sequence[Path] = (),
) -> None:
    """Compiles C files to a shared library with the C compiler of this machine.

    Args:
        sources: The files.
        library: The file to write.
        flags: Further flags, behind those for C99 and `-O2`.
        include: Folders of headers.

    Raises:
        CompilationError: If the compiler refuses the source.
        FileNotFoundError: If there is no C compiler.
    """
    folders = [f"-I{folder}" for folder in include]
    run_compiler(
        [*host_compiler(), *_FLAGS, *flags, *folders, *map(str, sources), "-o", str(library)]
    )


class HostMachine:
    """A shared library of C functions; instructions are not counted.

    Args:
        library: What `compile_library` made.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._memory: dict[int, ctypes.Array[ctypes.c_char]] = {}

    def place(self, content: bytes) -> int:
        """Writes bytes to new memory and returns their address."""
        buffer = ctypes.create_string_buffer(content, max(len(content), 1))
        address = ctypes.addressof(buffer)
        self._memory[address] = buffer
        return address

    def read(self, address: int, size: int) -> bytes:
        """Reads bytes from an address."""
        return ctypes.string_at(address, size)

    def write(self, address: int, content: bytes) -> None:
        """Writes bytes to an address."""
        ctypes.memmove(address, content, len(content))

    def variable(self, name: str) -> int:
        """The address of a variable of the library."""
        return ctypes.addressof(ctypes.c_char.in_dll(self._library, name))

    def call(self, function: str, *arguments: int) -> int:
        """Calls a function with integers and addresses, and returns its signed result."""
        symbol = self._library[function]
        symbol.restype = ctypes.c_int32
        return int(symbol(*(ctypes.c_ssize_t(argument) for argument in arguments)))
