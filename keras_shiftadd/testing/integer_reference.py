"""NumPy references of the integer operators: the equations of docs/integer_ops.md, exact.

Sums and products are taken in 64 bits.
"""

from typing import Any, Literal

import numpy as np

from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.requantize import multiply
from keras_shiftadd.testing._integer_elementwise import (
    add_int8,
    matmul_int8,
    mean_int8,
    multiply_int8,
    pool_int8,
    softmax_arguments,
    softmax_int8,
)
from keras_shiftadd.testing.reference import _Taps

__all__ = [
    "add_int8",
    "adder_conv_int8",
    "conv_sums",
    "matmul_int8",
    "mean_int8",
    "multiply_int8",
    "pool_int8",
    "requantize",
    "shift_conv_int8",
    "softmax_arguments",
    "softmax_int8",
]

Array = Any


def requantize(
    sums: Array,
    multiplier: Array,
    shift: Array,
    output_zero: int = 0,
    bias: Array = 0,
    low: int = -128,
    high: int = 127,
    rounding: Literal["single", "double"] = "single",
) -> Array:
    """`clamp(round((sum + bias) * multiplier / 2 ** shift) + output_zero, low, high)`.

    Args:
        sums: Integer array `(..., channels)`.
        multiplier: Integer, or array `(channels,)` of 32-bit integers.
        shift: Integer, or array `(channels,)`, 1 to 62.
        output_zero: Integer, the zero point of the output.
        bias: Integer, or array `(channels,)`.
        low: Integer, the least output.
        high: Integer, the largest output.
        rounding: `"single"` or `"double"`.

    Returns:
        Array of int8, of the shape of `sums`.
    """
    total = np.asarray(sums, "int64") + np.asarray(bias, "int64")
    rounded = multiply(total, multiplier, shift, rounding)
    return np.clip(rounded + output_zero, low, high).astype("int8")


def adder_conv_int8(
    x: Array,
    kernel: Array,
    input_zero: int,
    multiplier: Array,
    shift: Array,
    output_zero: int = 0,
    bias: Array = 0,
    low: int = -128,
    high: int = 127,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Array:
    """Integer adder convolution, channels last: `-sum |x - w|`, requantised.

    Args:
        x: Array of int8 `(batch, *sizes, channels)`.
        kernel: Array of int8 `(*kernel_size, channels // groups, filters)`, on the scale and
            zero point of `x`.
        input_zero: Integer, the zero point of `x`, which padding holds.
        multiplier: Integer, or array `(filters,)` of 32-bit integers.
        shift: Integer, or array `(filters,)`, 1 to 62.
        output_zero: Integer, the zero point of the output.
        bias: Integer, or array `(filters,)`, on the scale of the sums.
        low: Integer, the least output.
        high: Integer, the largest output.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Array of int8 `(batch, *output_sizes, filters)`.
    """
    window = (strides, padding, dilation_rate)
    sums = conv_sums("adder", x, kernel, input_zero, *window)
    return requantize(sums, multiplier, shift, output_zero, bias, low, high)


def shift_conv_int8(
    x: Array,
    kernel: Array,
    input_zero: int,
    multiplier: Array,
    shift: Array,
    output_zero: int = 0,
    bias: Array = 0,
    low: int = -128,
    high: int = 127,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Array:
    """Integer shift convolution, channels last: `sum (x - input_zero) * w`, requantised.

    Args:
        x: Array of int8 `(batch, *sizes, channels)`.
        kernel: Array of int8 `(*kernel_size, channels // groups, filters)`: 0, or plus or minus
            a power of two from 1 to 64.
        input_zero: Integer, the zero point of `x`, which padding holds.
        multiplier: Integer, or array `(filters,)` of 32-bit integers.
        shift: Integer, or array `(filters,)`, 1 to 62.
        output_zero: Integer, the zero point of the output.
        bias: Integer, or array `(filters,)`, on the scale of the sums.
        low: Integer, the least output.
        high: Integer, the largest output.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Array of int8 `(batch, *output_sizes, filters)`.
    """
    window = (strides, padding, dilation_rate)
    sums = conv_sums("shift", x, kernel, input_zero, *window)
    return requantize(sums, multiplier, shift, output_zero, bias, low, high)


def conv_sums(
    operator: Literal["adder", "conv", "shift"],
    x: Array,
    kernel: Array,
    input_zero: int,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Array:
    """The sums that are requantised.

    Args:
        operator: `"adder"`; `"conv"` and `"shift"` sum products.
        x: Array of int8 `(batch, *sizes, channels)`.
        kernel: Array of int8 `(*kernel_size, channels // groups, filters)`.
        input_zero: Integer, the zero point of `x`, which padding holds.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Array of int64 `(batch, *output_sizes, filters)`.
    """
    x, w = np.asarray(x, "int8"), np.asarray(kernel, "int8")
    *size, channels, filters = w.shape
    taps = _Taps(x.shape, tuple(size), strides, padding, dilation_rate)
    # A sequence is an image of one row.
    one = [1] * (2 - len(size))
    sums = convolution_sums(
        operator,
        x.reshape(len(x), *one, *x.shape[1:]),
        w.reshape(*one, *size, channels, filters),
        input_zero,
        x.shape[-1] // channels,
        _pair(strides, len(size)),
        _pair(dilation_rate, len(size)),
        [(0, 0)] * len(one) + taps.pads[1:-1],
    )
    return sums.reshape(len(x), *taps.outputs, filters)


def _pair(value: int | tuple[int, ...], rank: int) -> tuple[int, int]:
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    return (1, values[0]) if rank == 1 else (values[0], values[1])
