"""The C++ compiler: which one, its version, and calling it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

_NAMES = ("c++", "g++", "clang++")


class CompilerNotFoundError(Exception):
    """There is no compiler; the message says where it was looked for."""


class CompileError(Exception):
    """The compiler failed.

    Args:
        what: what was compiled or linked.
        output: what the compiler printed.
    """

    def __init__(self, what: str, output: str) -> None:
        lines = output.strip().splitlines() or ["no output"]
        marks = ("error:", "undefined reference", "cannot find")
        first = next((line for line in lines if any(mark in line for mark in marks)), lines[0])
        super().__init__(f"the compiler failed on {what}: {first.strip()}")
        self.output = output


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler that runs.

    Args:
        command: the words of its command.
        version: the first line of what it says about itself.
    """

    command: tuple[str, ...]
    version: str

    def run(self, arguments: Sequence[str], what: str) -> str:
        """Compiles or links; returns the warnings, raises `CompileError`."""
        done = subprocess.run(
            [*self.command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_plain_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise CompileError(what, done.stdout)
        return done.stdout


def find_compiler() -> Compiler:
    """The compiler that `$CXX` names, else the first of c++, g++ and clang++ on the path."""
    named = os.environ.get("CXX", "").strip()
    if named:
        command = tuple(shlex.split(named))
        if shutil.which(command[0]) is None:
            raise CompilerNotFoundError(f"CXX={named} names no program that can be run")
        return Compiler(command, _version(command))
    for name in _NAMES:
        if shutil.which(name) is not None:
            return Compiler((name,), _version((name,)))
    raise CompilerNotFoundError(
        f"no C++ compiler was found: none of {', '.join(_NAMES)} is on the path, and CXX names none"
    )


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [*command, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            env=_plain_environment(),
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise CompilerNotFoundError(f"'{shlex.join(command)} --version' failed: {error}") from None
    return (done.stdout.strip().splitlines() or ["unknown"])[0]


def _plain_environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}
