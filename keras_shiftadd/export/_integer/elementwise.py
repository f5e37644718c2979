"""Sums, products and functions of single int8 numbers."""

import numpy as np

from keras_shiftadd.export._integer.operators import Add, Lookup, Mean, Multiply, Pooling
from keras_shiftadd.export._integer.requantize import multiply, requantize
from keras_shiftadd.export._integer.windows import pad, windows


def add(operator: Add, a: np.ndarray, b: np.ndarray, zeros: tuple[int, int]) -> np.ndarray:
    """Two tensors, added or subtracted.

    Args:
        operator: Its integers.
        a: int8 array.
        b: int8 array of the same shape.
        zeros: The zero points of both.
    """
    rounding = operator.requantization.rounding
    left, right = (
        multiply((x.astype(np.int64) - zero) << operator.left_shift, multiplier, shift, rounding)
        for x, zero, multiplier, shift in zip(
            (a, b), zeros, operator.input_multipliers, operator.input_shifts, strict=True
        )
    )
    return requantize(left - right if operator.subtract else left + right, operator.requantization)


def product(operator: Multiply, a: np.ndarray, b: np.ndarray, zeros: tuple[int, int]) -> np.ndarray:
    """Two tensors, multiplied; the second may have one number for each channel."""
    left, right = a.astype(np.int64) - zeros[0], b.astype(np.int64) - zeros[1]
    if right.ndim < left.ndim:
        right = right.reshape(len(b), *[1] * (a.ndim - 2), b.shape[-1])
    return requantize(left * right, operator.requantization)


def lookup(operator: Lookup, x: np.ndarray) -> np.ndarray:
    """A function, read from its table."""
    return operator.table[x.astype(np.int64) + 128]


def mean(operator: Mean, x: np.ndarray, zero: int) -> np.ndarray:
    """The average of each channel over all positions."""
    sums = (x.astype(np.int64) - zero).sum(axis=tuple(range(1, x.ndim - 1)))
    return requantize(sums, operator.requantization)


def pool(operator: Pooling, x: np.ndarray) -> np.ndarray:
    """The largest or the average element of each window."""
    if operator.kind == "max":
        padded = pad(x, operator.pads, -128)
        y = windows(padded, operator.size, operator.strides).max(axis=(3, 4)).astype(np.int64)
    else:
        padded = pad(x.astype(np.int64), operator.pads, 0)
        inside = pad(np.ones((1, *x.shape[1:3], 1), np.int64), operator.pads, 0)
        sums = windows(padded, operator.size, operator.strides).sum(axis=(3, 4))
        count = windows(inside, operator.size, operator.strides).sum(axis=(3, 4))
        y = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    return np.clip(y, operator.low, operator.high).astype(np.int8)
