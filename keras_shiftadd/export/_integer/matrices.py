"""Products and distances of stacks of matrices."""

import numpy as np

from keras_shiftadd.export._integer.elementwise import add
from keras_shiftadd.export._integer.operators import Add, AddConstant, MatMul
from keras_shiftadd.export._integer.requantize import requantize


def matmul(operator: MatMul, a: np.ndarray, b: np.ndarray, zeros: tuple[int, int]) -> np.ndarray:
    """The matrices of two stacks, multiplied or compared.

    Args:
        operator: Its integers.
        a: int8 array `(samples, matrices, rows, depth)`.
        b: int8 array `(samples, matrices, depth, columns)`, or with the last two exchanged.
        zeros: The zero points of both.
    """
    if operator.transpose:
        b = np.swapaxes(b, -1, -2)
    left, right = a.astype(np.int64) - zeros[0], b.astype(np.int64) - zeros[1]
    if operator.operator == "conv":
        sums = left @ right
    else:
        # One element of the vectors at a time: a tensor of all differences may be large.
        sums = np.zeros((*a.shape[:-1], right.shape[-1]), np.int64)
        for k in range(a.shape[-1]):
            sums -= np.abs(left[..., k, None] - right[..., k, None, :])
    return requantize(sums, operator.requantization)


def add_constant(operator: AddConstant, x: np.ndarray, zero: int) -> np.ndarray:
    """A tensor and an array, added."""
    both = Add(
        operator.name,
        (0, 0),
        operator.output,
        operator.left_shift,
        operator.input_multipliers,
        operator.input_shifts,
        operator.requantization,
    )
    return add(both, x, operator.constant[None], (zero, operator.quantization.zero_point))
