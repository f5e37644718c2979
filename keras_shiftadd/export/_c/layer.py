"""A step of the generated C: one operator, its constants and its call."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Constant:
    """An array in flash.

    Args:
        name: In C.
        values: int8, uint8 or int32 array.
        words: Whether it must begin on a word.
    """

    name: str
    values: np.ndarray
    words: bool = False


@dataclass(frozen=True, eq=False)
class Layer:
    """What an operator becomes.

    Args:
        function: Name of the C function of this layer.
        title: What it is, for the comment above it.
        kernels: The C files whose functions it calls, without their ending.
        constants: Its arrays.
        structs: C text of its constant structs.
        calls: C statements; `{x}`, `{a}`, `{b}`, `{x0}`, ... stand for inputs, `y` for the
            output and `{scratch}` for scratch memory.
        inputs: Names of the pointers that it reads.
        struct_bytes: Bytes of its structs on a processor of 32 bits.
        scratch_bytes: Bytes of scratch memory.
    """

    function: str
    title: str
    kernels: tuple[str, ...]
    calls: tuple[str, ...]
    inputs: tuple[str, ...] = ("x",)
    constants: tuple[Constant, ...] = ()
    structs: tuple[str, ...] = field(default=())
    struct_bytes: int = 0
    scratch_bytes: int = 0

    @property
    def constant_bytes(self) -> int:
        """Bytes of its arrays, each beginning on a word."""
        return sum(-(-constant.values.nbytes // 4) * 4 for constant in self.constants)
