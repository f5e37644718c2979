"""Runs one convolution in the emulator, checks its bits, and counts what it executed."""

import pathlib

import numpy as np
from micro_cmsis import SYMBOL, build_cmsis, cmsis_arguments

from keras_shiftadd.export._c.kernel_files import KERNEL_FOLDER
from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._simulate.compilation import Compiler, compile_program
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.kernel_call import call_kernel
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._targets import find_target

# By compiler: that of the package ziglang, and Debian's, where it is installed.
CMSIS: dict[str, Compiler] = {"CMSIS-NN": "zig", "CMSIS-NN, GCC": "gcc"}


class Runner:
    """Kernels, compiled once for each processor.

    Args:
        folder: Where programs are written.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.programs: dict[tuple[str, str], Elf] = {}

    def measure(self, kernel: str, target: str, model: IntegerModel) -> dict[str, int]:
        """Instructions, and bytes of weights, scratch memory and stack.

        Args:
            kernel: Name of a kernel, or one of `CMSIS`.
            target: The processor.
            model: A network of one convolution.

        Raises:
            RuntimeError: The outputs are not those of the NumPy reference.
        """
        machine = Machine(self.program(kernel, target), _core(target))
        source, output = model.tensors
        x = np.random.default_rng(1).integers(-128, 128, source.size).astype(np.int8)
        (convolution,) = model.operators
        if kernel in CMSIS:
            x_at, y_at = machine.place(x.tobytes()), machine.place(bytes(output.size))
            weights, arguments = cmsis_arguments(machine, convolution, source, output)
            done = machine.call(SYMBOL, arguments, x_at, y_at)
            scratch = int.from_bytes(machine.read(machine.variable("buffer_bytes"), 4), "little")
            y = np.frombuffer(machine.read(y_at, output.size), np.int8).reshape(output.shape)
        else:
            entry = KERNELS[kernel]
            weights = entry.pack(convolution, source).size
            scratch = entry.scratch_bytes(convolution)
            y, done = call_kernel(machine, entry, model, x)
        expected = run(model, x.reshape(1, *source.shape))[0]
        if not np.array_equal(y, expected):
            wrong = int((y != expected).sum())
            raise RuntimeError(
                f"{kernel} on {target} must have the bits of the reference. "
                f"Received: {wrong} of {y.size} outputs differ"
            )
        return {
            "instructions": done.instructions,
            "weights": weights,
            "scratch": scratch,
            "stack": done.stack,
        }

    def program(self, kernel: str, target: str) -> Elf:
        """A kernel alone, compiled for a processor."""
        key = (kernel, target)
        if key not in self.programs:
            file = self.folder / f"{len(self.programs)}.elf"
            if kernel in CMSIS:
                self.programs[key] = build_cmsis(_core(target), file, CMSIS[kernel])
            else:
                sources = [KERNEL_FOLDER / name for name in KERNELS[kernel].sources]
                roots = [KERNELS[kernel].function]
                self.programs[key] = compile_program(
                    sources, _core(target), file, roots, include=[KERNEL_FOLDER]
                )
        return self.programs[key]


def _core(target: str):
    core = find_target(target).core
    if core is None:
        raise ValueError(f"`target` must be a microcontroller. Received: {target!r}")
    return core
