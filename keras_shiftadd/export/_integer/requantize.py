"""From sums to int8: both roundings of docs/integer_ops.md."""

from typing import Literal

import numpy as np

from keras_shiftadd.export._integer.operators import Requantization

Rounding = Literal["single", "double"]


def requantize(sums: np.ndarray, requantization: Requantization) -> np.ndarray:
    """Requantises sums, with the bias in them, to int8.

    Args:
        sums: Integer array `(..., channels)`.
        requantization: With one multiplier, or one for each channel.

    Returns:
        int8 array of the shape of `sums`.
    """
    scaled = multiply(
        sums, requantization.multiplier, requantization.shift, requantization.rounding
    )
    y = scaled + requantization.zero_point
    return np.clip(y, requantization.low, requantization.high).astype(np.int8)


def multiply(
    values: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, rounding: Rounding
) -> np.ndarray:
    """`values * multiplier / 2 ** shift`, rounded.

    Args:
        values: Integer array of 32-bit numbers.
        multiplier: Integer array of 32-bit numbers that broadcasts against `values`.
        shift: Integer array, 1 to 62.
        rounding: `"single"` or `"double"`.

    Returns:
        int64 array of the shape of `values`.
    """
    values = np.asarray(values, np.int64)
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if rounding == "single":
        return (values * multiplier + (np.int64(1) << (shift - 1))) >> shift
    before, after = np.maximum(31 - shift, 0), np.maximum(shift - 31, 0)
    high = high_product(values << before, multiplier)
    return rounded_shift(high, after)


def high_product(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """The high half of the doubled product of two 32-bit numbers, halves towards plus infinity."""
    return (np.asarray(a, np.int64) * b + (1 << 30)) >> 31


def rounded_shift(values: np.ndarray, shift: np.ndarray | int) -> np.ndarray:
    """`values / 2 ** shift`, rounded to nearest, halves away from zero."""
    mask = (np.int64(1) << np.asarray(shift, np.int64)) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> shift) + ((values & mask) > threshold)
