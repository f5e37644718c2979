"""Programs of the machine that the emulation may use."""

import importlib.util
import os
import shlex
import shutil
import sys

DEBIAN_PACKAGES = (
    "qemu-system-arm",
    "qemu-system-misc",
    "gcc-arm-none-eabi",
    "gcc-riscv64-unknown-elf",
)
INSTALL = f"apt-get install --no-install-recommends {' '.join(DEBIAN_PACKAGES)}"
_HOST_COMPILERS = ("cc", "gcc", "clang")


def find_program(name: str) -> str:
    """The path of a cross compiler or an emulator.

    Raises:
        FileNotFoundError: If it is not installed; the message says how to install it.
    """
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(
            f"This needs the program {name}, which is not on the path. "
            f"On Debian, all that it needs is installed with: {INSTALL}"
        )
    return path


def host_compiler() -> list[str]:
    """The command of a C compiler for this machine.

    Returns:
        What `CC` names; else the first of cc, gcc and clang on the path; else that of the
        package ziglang.

    Raises:
        FileNotFoundError: If there is none.
    """
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [[name] for name in _HOST_COMPILERS]:
        if shutil.which(command[0]) is not None:
            return command
    if named:
        raise FileNotFoundError(
            f"This needs a C compiler. CC={' '.join(named)} names none that can be run."
        )
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise FileNotFoundError(
        f"This needs a C compiler. None of {', '.join(_HOST_COMPILERS)} is on the path. "
        'Install one, or: pip install "keras-shiftadd[micro]"'
    )
