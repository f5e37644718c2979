"""Softmax of int8 numbers in fixed point, with the bits of TFLite's reference kernel.

A number of `i` integer bits is an int32 that stands for itself times `2 ** (i - 31)`.
"""

import math

import numpy as np

from keras_shiftadd.export._integer.requantize import high_product, rounded_shift
from keras_shiftadd.export._quantization import Quantization

OUTPUT = Quantization(1 / 256, -128)

_DIFFERENCE_BITS = 5
_SUM_BITS = 12
_LARGEST = 2**31 - 1
# exp(-1/8), 1/3, and exp(-2 ** k) for k from -2 to 4, without integer bits.
_EXP_MINUS_EIGHTH, _THIRD = 1895147668, 715827883
_EXP_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
# 48/17 and -32/17 with two integer bits: the start of Newton's division.
_NEWTON_START, _NEWTON_SLOPE = 1515870810, -1010580540


def softmax_arguments(scale: float, beta: float = 1.0) -> tuple[int, int, int]:
    """The multiplier, left shift and least difference of a Softmax.

    Args:
        scale: Of the input.
        beta: Factor of the input.
    """
    factor = min(beta * scale * 2.0 ** (31 - _DIFFERENCE_BITS), float(_LARGEST))
    fraction, left_shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, left_shift = multiplier // 2, left_shift + 1
    if left_shift < 0:
        raise ValueError(
            "The input of a softmax must have a scale of 2**-27 or more. "
            f"Received: scale={scale:.3g}."
        )
    most = (2**_DIFFERENCE_BITS - 1) << (31 - _DIFFERENCE_BITS)
    return multiplier, left_shift, -(most >> left_shift)


def softmax(x: np.ndarray, multiplier: int, left_shift: int, least_difference: int) -> np.ndarray:
    """Softmax over the last axis.

    Args:
        x: int8 array.
        multiplier: Of the differences to the largest element, 31 bits.
        left_shift: Of the differences, before the multiplication.
        least_difference: Elements further below the largest one count as zero.

    Returns:
        int8 array of the shape of `x`, of scale 1/256 and zero point -128.
    """
    x = x.astype(np.int64)
    difference = x - x.max(axis=-1, keepdims=True)
    counted = difference >= least_difference
    powers = _exponentials(np.arange(-255, 1), multiplier, left_shift, least_difference)
    power = np.where(counted, powers[difference + 255], 0)
    total = rounded_shift(power, _SUM_BITS).sum(axis=-1, keepdims=True)
    # The sum is brought to 1 <= total < 2: its highest bit is taken off, the others are a fraction.
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    reciprocal = _reciprocal((total << headroom) - 2**31)
    shift = _SUM_BITS - headroom + 31 - 8
    y = rounded_shift(high_product(reciprocal, power), shift) - 128
    return np.where(counted, np.clip(y, -128, 127), -128).astype(np.int8)


def _exponentials(
    differences: np.ndarray, multiplier: int, left_shift: int, least: int
) -> np.ndarray:
    """exp of each difference, without integer bits; those below the least are not used."""
    shifted = np.maximum(differences, least).astype(np.int64) << left_shift
    a = high_product(shifted, multiplier)
    fraction_bits = 31 - _DIFFERENCE_BITS
    quarter = 1 << (fraction_bits - 2)
    part = (a & (quarter - 1)) - quarter
    result = _exp_above_minus_quarter(part << _DIFFERENCE_BITS)
    remainder = part - a
    for bit, factor in enumerate(_EXP_MINUS_POWERS, start=fraction_bits - 2):
        result = np.where(remainder & (1 << bit), high_product(result, factor), result)
    return np.where(a == 0, _LARGEST, result)


def _exp_above_minus_quarter(a: np.ndarray) -> np.ndarray:
    """exp for -1/4 <= a < 0, the Taylor series around -1/8; no integer bits."""
    x = a + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    cubic = high_product(rounded_shift(x4, 2) + x3, _THIRD)
    return _EXP_MINUS_EIGHTH + high_product(x + rounded_shift(cubic + x2, 1), _EXP_MINUS_EIGHTH)


def _reciprocal(fraction: np.ndarray) -> np.ndarray:
    """1 / (1 + fraction) for a fraction from 0 to 1; no integer bits."""
    half = (fraction + _LARGEST + 1) // 2
    x = _NEWTON_START + high_product(half, _NEWTON_SLOPE)
    for _ in range(3):
        rest = (1 << 29) - high_product(half, x)
        x = x + np.clip(high_product(x, rest) << 2, -(2**31), _LARGEST)
    return np.clip(x << 1, -(2**31), _LARGEST)
