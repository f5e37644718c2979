"""Measured figures of the C kernels: code and executed instructions on each processor.

benchmarks/firmware_figures.py measures them and writes figures.json.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from keras_shiftadd.export._c.kernels import Kernel
from keras_shiftadd.export._c.packing_dsp import fast_left_shift
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution

FILE = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Figures:
    """What is known of the kernels on one processor.

    Args:
        code: By name of the kernel, bytes of each function and table of its machine code, those of
            the compiler's library included, by name.
        instructions: By name of the kernel and by operator, a number for each of `features`, in
            their order.
        layer_code: Bytes of code that a layer of the generated C takes besides.
    """

    code: dict[str, dict[str, int]]
    instructions: dict[str, dict[str, list[float]]]
    layer_code: int

    def estimate(self, kernel: Kernel, operator: Convolution, output: Tensor) -> float | None:
        """Instructions of a convolution with a kernel; None where they were not measured."""
        factors = self.instructions.get(kernel.name, {}).get(operator.operator)
        if factors is None:
            return None
        return sum(a * b for a, b in zip(factors, features(kernel, operator, output), strict=True))


def features(kernel: Kernel, operator: Convolution, output: Tensor) -> tuple[float, ...]:
    """What the instructions of a convolution are linear in.

    Returns:
        Steps of the inner products, elements and taps of all windows, and blocks of pixels times
        filters, with pixels filled up to those that the kernel takes at a time; outputs; those
        that are not requantised in the fast form; and 1.
    """
    rows, columns, channels, filters = operator.kernel.shape
    window = rows * columns * channels
    blocks = -(-output.size // filters // kernel.pixels)
    pixels = blocks * kernel.pixels
    return (
        float(window * filters * pixels),
        float(window * operator.groups * pixels),
        float(rows * columns * operator.groups * pixels),
        float(blocks * filters),
        float(output.size),
        0.0 if fast_left_shift(operator) is not None else float(output.size),
        1.0,
    )


def figures(target: str) -> Figures:
    """The figures of a target; those of `"portable"` and `"x86"` are of a Cortex-M0.

    Args:
        target: Name of the target.
    """
    measured = _measured()
    numbers = measured.get(target, measured["cortex-m0"])
    return Figures(
        numbers["code"],
        numbers["instructions"],
        numbers["layer_code"],
    )


@functools.cache
def _measured() -> dict:
    return json.loads(FILE.read_text(encoding="utf-8"))
