"""An int8 network as data: what the reference runs, and what every exporter reads or writes.

Every number that decides an output is here, as an integer. Float scales say what the integers
stand for; no output depends on them.
"""

from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._integer.operators import Operator
from keras_shiftadd.export._quantization import Quantization


@dataclass(frozen=True)
class Tensor:
    """An int8 tensor that is computed.

    Args:
        name: What it is called in reports and in generated code; unique in a model.
        shape: Sizes without the batch: `(rows, columns, channels)` for images, where a sequence
            is an image of one row, and `(features,)` for vectors.
        quantization: What its integers stand for.
    """

    name: str
    shape: tuple[int, ...]
    quantization: Quantization

    @property
    def size(self) -> int:
        """Number of elements, which is its number of bytes."""
        return int(np.prod(self.shape, dtype=np.int64))


@dataclass(frozen=True)
class IntegerModel:
    """An int8 network with one input and one output, for one sample at a time.

    Args:
        name: What the network is called.
        tensors: All tensors that are computed, and the input.
        operators: In order of execution. Operators name tensors by their position in `tensors`;
            each tensor but the input is the output of exactly one of them, an earlier one than
            those that read it.
        input: Position of the input in `tensors`.
        output: Position of the output in `tensors`.
    """

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    input: int
    output: int
