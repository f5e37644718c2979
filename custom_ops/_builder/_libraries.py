"""Which libraries there are: their sources, their flags, the systems they are built on."""

import os
import pathlib
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ._frameworks import Framework, find_jaxlib, find_tensorflow

KERNELS = "kernels"

COMPILE_FLAGS = (
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
    "-pthread",
)

# Instruction set, machines that may have it, flags. A source file ..._<set>.cc is compiled
# for it; the other files run on every processor of the machine.
_INSTRUCTION_SETS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "avx512",
        ("x86_64", "amd64"),
        (
            "-mavx512f",
            "-mavx512bw",
            "-mavx512vl",
            "-mavx512dq",
            "-mavx512vnni",
            "-mavx2",
            "-mfma",
        ),
    ),
    ("avx2", ("x86_64", "amd64"), ("-mavx2", "-mfma")),
    ("neon", ("aarch64", "arm64"), ()),
)


@dataclass(frozen=True)
class Library:
    """One of the libraries.

    Args:
        name: `"kernels"`, or the framework that its binding serves.
        find_framework: finds that framework; raises when it is not there.
        micro: the kernels for microcontrollers that are a part of it, without their suffix.
    """

    name: str
    find_framework: Callable[[], Framework] | None = None
    micro: tuple[str, ...] = ()

    def sources(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The files that are compiled, in the folder of `custom_ops`; empty: none exist."""
        if self.name == KERNELS:
            return [file for file in sorted(folder.glob("kernels/*.cc")) if _fits(file)]
        own = sorted(folder.glob(f"bindings/{self.name}*.cc"))
        micro = [folder / "micro" / f"{name}.c" for name in self.micro]
        return [*own, *micro, folder / "bindings" / "manifest.cc"] if own else []

    def hashed_files(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The files that the library depends on, of all systems."""
        if self.name == KERNELS:
            return sorted([*folder.glob("kernels/*.cc"), *folder.glob("kernels/*.h")])
        if self.micro:
            return sorted(_with_includes(self.sources(folder)))
        others = tuple(name for name in LIBRARIES if name != self.name)
        own = [*folder.glob("bindings/*.cc"), *folder.glob("bindings/*.h")]
        own = [file for file in own if not file.name.startswith((*others, "tflite"))]
        return sorted([*own, folder / "kernels" / "shiftadd.h"])


_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def _with_includes(sources: Iterable[pathlib.Path]) -> set[pathlib.Path]:
    """The files, and what they include from among the sources."""
    found: set[pathlib.Path] = set()
    waiting = list(sources)
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.add(file)
        names = _INCLUDE.findall(file.read_text(encoding="utf-8"))
        waiting += [pathlib.Path(os.path.normpath(file.parent / name)) for name in names]
    return found


_TFLITE_KERNELS = ("conv", "adder_conv", "shift_conv", "lookup")

LIBRARIES = {
    library.name: library
    for library in (
        Library(KERNELS),
        Library("tensorflow", find_tensorflow),
        Library("jax", find_jaxlib),
        # Their runtimes' C interface is declared in bindings/, so that nothing has to be found.
        Library("litert", micro=_TFLITE_KERNELS),
        Library("tflite_micro", micro=_TFLITE_KERNELS),
    )
}


def library_file(name: str) -> str:
    """The name of a library's file on this system."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    return f"libshiftadd_{name}.{suffix}"


def unsupported_system() -> str | None:
    """Why nothing can be built on this system, or `None`."""
    if sys.platform.startswith(("linux", "darwin")):
        return None
    return f"the kernels are built on Linux and macOS, this system is {sys.platform}"


def instruction_sets(folder: pathlib.Path) -> list[str]:
    """The instruction sets that the kernels are compiled for on this machine."""
    present = {file.stem for file in LIBRARIES[KERNELS].sources(folder)}
    names = [name for name, _, _ in _INSTRUCTION_SETS] + ["scalar"]
    return [name for name in names if f"target_{name}" in present]


def file_flags(file: pathlib.Path) -> tuple[str, ...]:
    """The flags of one source file beyond those of all."""
    for name, _, flags in _INSTRUCTION_SETS:
        if file.stem.endswith(f"_{name}"):
            return flags
    return ()


def user_flags(variable: str) -> tuple[str, ...]:
    """The words of `CXXFLAGS` or `LDFLAGS`."""
    return tuple(shlex.split(os.environ.get(variable, "")))


def link_flags(name: str) -> tuple[str, ...]:
    """How a library is linked; bindings find the kernels in their own folder."""
    file = library_file(name)
    if sys.platform == "darwin":
        flags = ("-dynamiclib", f"-Wl,-install_name,@rpath/{file}", "-Wl,-rpath,@loader_path")
    else:
        flags = ("-shared", f"-Wl,-soname,{file}", "-Wl,-rpath,$ORIGIN", "-Wl,-z,defs")
    return (*flags, "-pthread")


def _fits(file: pathlib.Path) -> bool:
    machine = platform.machine().lower()
    return all(
        machine in machines
        for name, machines, _ in _INSTRUCTION_SETS
        if file.stem.endswith(f"_{name}")
    )
