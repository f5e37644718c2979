"""Reads and compiles a folder that `to_c` wrote."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_shiftadd.export._c.kernels import CMSIS_NN
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._simulate.cmsis import Cmsis
from keras_shiftadd.export._simulate.compilation import Compiler, compile_program
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.host import compile_library
from keras_shiftadd.export._targets import Core

_MACRO = re.compile(r"^#define MODEL_(INPUT|OUTPUT)_(SHAPE|SCALE|ZERO_POINT) (.+)$", re.MULTILINE)
_TEST = "test_model.c"
_AROUND = Path(__file__).with_name("firmware")
INVOKE = "model_invoke"


@dataclass(frozen=True)
class End:
    """The input or the output of a network."""

    shape: tuple[int, ...]
    quantization: Quantization

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class FirmwareFolder:
    """The C of a network.

    Args:
        path: The folder.
        input: What it takes.
        output: What it gives.
    """

    path: Path
    input: End
    output: End

    @property
    def calls_cmsis_nn(self) -> bool:
        """Whether convolutions run on CMSIS-NN, of which it has nothing but the calls."""
        return (self.path / f"{CMSIS_NN.name}.c").exists()

    @property
    def sources(self) -> list[Path]:
        """The C files of the network and its kernels."""
        return sorted(file for file in self.path.glob("*.c") if file.name != _TEST)

    def compile_for(
        self,
        core: Core,
        program: Path,
        compiler: Compiler,
        flags: Sequence[str] = (),
        cmsis: Cmsis | None = None,
    ) -> Elf:
        """Compiles it for a processor, with what starts it and reads its inputs."""
        sources = [*self.sources, _AROUND / "startup.c", _AROUND / "main.c"]
        include = [self.path, _AROUND]
        if self.calls_cmsis_nn and cmsis is not None:
            sources += cmsis.sources
            include += cmsis.include
            flags = (*flags, "-std=gnu99")
        return compile_program(sources, core, program, ("reset", INVOKE), flags, include, compiler)

    def compile_for_host(self, library: Path, flags: Sequence[str] = ()) -> None:
        """Compiles it as a shared library of this machine."""
        compile_library(self.sources, library, flags, [self.path])


def read_folder(path: Path) -> FirmwareFolder:
    """Reads what a folder holds.

    Raises:
        FileNotFoundError: If it has no model.h and model.c.
        ValueError: If `to_c` did not write its model.h.
    """
    for name in ("model.h", "model.c"):
        if not (path / name).is_file():
            raise FileNotFoundError(
                f"`folder` must be one that `to_c` wrote. Received: {str(path)!r}, which has no "
                f"{name}."
            )
    text = (path / "model.h").read_text(encoding="utf-8")
    found = {(end, what): value for end, what, value in _MACRO.findall(text)}
    try:
        ends = [
            End(
                tuple(int(size) for size in found[end, "SHAPE"].strip("{}").split(",")),
                Quantization(
                    float(found[end, "SCALE"].removesuffix("f")),
                    int(found[end, "ZERO_POINT"].strip("()")),
                ),
            )
            for end in ("INPUT", "OUTPUT")
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"`folder` must be one that `to_c` wrote. Received: {str(path)!r}, whose model.h says "
            "no shapes and scales."
        ) from error
    return FirmwareFolder(path, *ends)


def layer_functions(program: Elf) -> list[str]:
    """The functions of the layers, in the order in which they run."""
    names = (name for name in program.functions if re.match(r"layer_\d+_", name))
    return sorted(names, key=lambda name: int(name.split("_")[1]))
