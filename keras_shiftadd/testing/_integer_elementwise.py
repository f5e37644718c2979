"""References of the int8 operators without kernels."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from keras_shiftadd.export._integer import elementwise, matrices
from keras_shiftadd.export._integer import softmax as fixed_point
from keras_shiftadd.export._integer.operators import (
    Add,
    MatMul,
    Mean,
    Multiply,
    Pair,
    Pooling,
    Requantization,
)

Array = Any


def add_int8(
    a: Array,
    b: Array,
    zeros: Pair,
    multipliers: Sequence[int],
    shifts: Sequence[int],
    multiplier: int,
    shift: int,
    output_zero: int = 0,
    low: int = -128,
    high: int = 127,
    left_shift: int = 20,
    subtract: bool = False,
    rounding: Literal["single", "double"] = "double",
) -> Array:
    """The sum, or the difference, of two tensors.

    Args:
        a: int8 array.
        b: int8 array of the same shape.
        zeros: The zero points of both.
        multipliers: Of both.
        shifts: Of both.
        multiplier: Of the sum.
        shift: Of the sum.
        output_zero: The zero point of the output.
        low: The least output.
        high: The largest output.
        left_shift: Of both, before their multiplication.
        subtract: Whether `b` is subtracted.
        rounding: Of all three requantisations.

    Returns:
        int8 array of the shape of `a`.
    """
    operator = Add(
        "add",
        (0, 1),
        2,
        left_shift,
        np.asarray(multipliers, np.int32),
        np.asarray(shifts, np.int32),
        _requantization(multiplier, shift, output_zero, rounding, low, high),
        subtract,
    )
    return elementwise.add(operator, np.asarray(a, np.int8), np.asarray(b, np.int8), zeros)


def multiply_int8(
    a: Array,
    b: Array,
    zeros: Pair,
    multiplier: int,
    shift: int,
    output_zero: int = 0,
    low: int = -128,
    high: int = 127,
    rounding: Literal["single", "double"] = "double",
) -> Array:
    """The product of two tensors.

    Args:
        a: int8 array `(batch, ..., channels)`.
        b: int8 array of the same shape, or `(batch, channels)`.
        zeros: The zero points of both.
        multiplier: Of the product.
        shift: Of the product.
        output_zero: The zero point of the output.
        low: The least output.
        high: The largest output.
        rounding: Of the requantisation.

    Returns:
        int8 array of the shape of `a`.
    """
    requantization = _requantization(multiplier, shift, output_zero, rounding, low, high)
    operator = Multiply("multiply", (0, 1), 2, requantization)
    return elementwise.product(operator, np.asarray(a, np.int8), np.asarray(b, np.int8), zeros)


def matmul_int8(
    operator: Literal["conv", "adder"],
    a: Array,
    b: Array,
    zeros: Pair,
    multiplier: int,
    shift: int,
    output_zero: int = 0,
    transpose: bool = False,
    rounding: Literal["single", "double"] = "double",
) -> Array:
    """The products of two stacks of matrices, or the distances of their vectors.

    Args:
        operator: `"conv"` sums products, `"adder"` negative absolute differences.
        a: int8 array `(batch, matrices, rows, depth)`.
        b: int8 array `(batch, matrices, depth, columns)`; with `transpose` the last two exchanged.
        zeros: The zero points of both; equal ones for `"adder"`.
        multiplier: Of the sums.
        shift: Of the sums.
        output_zero: The zero point of the output.
        transpose: Whether the matrices of `b` are transposed.
        rounding: Of the requantisation.

    Returns:
        int8 array `(batch, matrices, rows, columns)`.
    """
    requantization = _requantization(multiplier, shift, output_zero, rounding, -128, 127)
    made = MatMul("matmul", operator, (0, 1), 2, requantization, transpose)
    return matrices.matmul(made, np.asarray(a, np.int8), np.asarray(b, np.int8), zeros)


def mean_int8(
    x: Array,
    input_zero: int,
    multiplier: int,
    shift: int,
    output_zero: int = 0,
    rounding: Literal["single", "double"] = "double",
) -> Array:
    """The average of each channel over all positions.

    Args:
        x: int8 array `(batch, rows, columns, channels)`.
        input_zero: The zero point of `x`.
        multiplier: Of the sum over the positions.
        shift: Of the sum over the positions.
        output_zero: The zero point of the output.
        rounding: Of the requantisation.

    Returns:
        int8 array `(batch, channels)`.
    """
    requantization = _requantization(multiplier, shift, output_zero, rounding, -128, 127)
    return elementwise.mean(
        Mean("mean", (0,), 1, requantization), np.asarray(x, np.int8), input_zero
    )


def pool_int8(
    kind: Literal["max", "average"],
    x: Array,
    size: Pair,
    strides: Pair,
    pads: tuple[Pair, Pair] = ((0, 0), (0, 0)),
) -> Array:
    """The largest, or the average, element of each window.

    Args:
        kind: `"max"` or `"average"`.
        x: int8 array `(batch, rows, columns, channels)`.
        size: Rows and columns of a window.
        strides: Rows and columns.
        pads: Before and after the rows, before and after the columns.

    Returns:
        int8 array `(batch, output rows, output columns, channels)`.
    """
    operator = Pooling("pool", kind, (0,), 1, size, strides, pads)
    return elementwise.pool(operator, np.asarray(x, np.int8))


def softmax_int8(x: Array, multiplier: int, left_shift: int, least_difference: int) -> Array:
    """Softmax over the last axis.

    Args:
        x: int8 array.
        multiplier: Of the differences to the largest element, 31 bits.
        left_shift: Of the differences, before the multiplication.
        least_difference: Elements further below the largest one count as zero.

    Returns:
        int8 array of the shape of `x`, of scale 1/256 and zero point -128.
    """
    return fixed_point.softmax(np.asarray(x, np.int8), multiplier, left_shift, least_difference)


def softmax_arguments(scale: float, beta: float = 1.0) -> tuple[int, int, int]:
    """The integers of a softmax.

    Args:
        scale: Of the input.
        beta: Factor of the input.

    Returns:
        Multiplier, left shift and least difference.
    """
    return fixed_point.softmax_arguments(scale, beta)


def _requantization(
    multiplier: int,
    shift: int,
    zero: int,
    rounding: Literal["single", "double"],
    low: int,
    high: int,
) -> Requantization:
    return Requantization(
        np.asarray(multiplier, np.int32), np.asarray(shift, np.int32), zero, rounding, low, high
    )
