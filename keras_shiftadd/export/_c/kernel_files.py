"""The C files of the kernels."""

import re
from collections.abc import Sequence
from pathlib import Path

KERNEL_FOLDER = Path(__file__).resolve().parents[2] / "custom_ops" / "micro"
# Files that need more than this package to compile.
CMSIS_NN_FOLDER = KERNEL_FOLDER / "cmsis_nn"
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def kernel_text(name: str) -> str:
    """The text of a file."""
    path = KERNEL_FOLDER / name
    return (path if path.exists() else CMSIS_NN_FOLDER / name).read_text(encoding="utf-8")


def kernel_files(kernels: Sequence[str]) -> dict[str, str]:
    """The C files of kernels with all that they include: text by name.

    Args:
        kernels: Names of C files without their ending.
    """
    found: dict[str, str] = {}
    wanted = ["shiftadd_micro.h", *(f"{name}.c" for name in kernels)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = kernel_text(name)
            wanted.extend(_INCLUDE.findall(found[name]))
            # A header of helper functions that are not inline has a file beside it.
            beside = name.removesuffix(".h") + ".c"
            if name.endswith(".h") and (KERNEL_FOLDER / beside).exists():
                wanted.append(beside)
    return found


def all_kernel_files() -> set[str]:
    """Names of all files that an export may copy."""
    folders = (KERNEL_FOLDER, CMSIS_NN_FOLDER)
    return {file.name for folder in folders for file in folder.glob("*.[ch]")}
