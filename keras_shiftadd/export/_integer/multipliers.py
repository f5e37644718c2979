"""Real factors as an integer multiplier and a shift."""

import math
from collections.abc import Callable

import numpy as np

_LARGEST = 2**31
_LONGEST_SHIFT = 62
_LARGEST_SUM = 2**30
# Sums of few numbers have that many bits to spare.
_WIDEST_BITS = 8


def finest_multiplier(factor: float) -> tuple[int, int]:
    """The multiplier below 2**31 in magnitude with the largest shift up to 62.

    Args:
        factor: Any finite number below 2**30 in magnitude.

    Returns:
        The multiplier, of the sign of the factor, and the shift.
    """
    if factor == 0.0:
        return 0, 31
    exponent = math.frexp(factor)[1]  # 0.5 <= |factor| / 2 ** exponent < 1
    shift = min(31 - exponent, _LONGEST_SHIFT)
    multiplier = round(factor * 2.0**shift)
    if abs(multiplier) == _LARGEST:  # rounded up to a power of two
        multiplier, shift = multiplier // 2, shift - 1
    return _checked(factor, multiplier, shift)


def fast_multipliers(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers with one shift for all factors, the largest up to 32 that holds them.

    Processors with a multiplication that keeps the high word then shift sums left, if at all, and
    need no other shift. Where a factor is 128 or more, each has its finest.

    Args:
        factors: float array.

    Returns:
        The multipliers and shifts, int32 arrays.
    """
    flat = np.ravel(factors)
    for shift in range(32, 32 - _WIDEST_BITS - 1, -1):
        integers = np.rint(flat * 2.0**shift)
        if np.abs(integers).max(initial=0.0) < _LARGEST:
            return integers.astype(np.int32), np.full(flat.shape, shift, np.int32)
    return multipliers(flat, finest_multiplier)


def tflite_multiplier(factor: float) -> tuple[int, int]:
    """The multiplier from 2**30 to 2**31 - 1 that TFLite's runtimes derive from scales.

    Args:
        factor: A number that is not negative.

    Returns:
        The multiplier and the shift; 0 and 31 for a factor that the runtimes take for zero.
    """
    if factor == 0.0:
        return 0, 31
    fraction, exponent = math.frexp(factor)
    multiplier = math.floor(fraction * _LARGEST + 0.5)
    if multiplier == _LARGEST:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < -31:
        return 0, 31
    return _checked(factor, multiplier, 31 - exponent)


def exact_sum_multipliers(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers of the operands of a sum, which one shift of the sum undoes.

    Args:
        factors: float array, positive, from the steps of the operands to those of the sum.

    Returns:
        The multipliers, an int32 array, and the shift, an int32 array of one: the largest up to 30
        for which sums of 9-bit differences times multipliers keep below 2**30.
    """
    for shift in range(30, 0, -1):
        integers = np.rint(np.asarray(factors, np.float64) * 2.0**shift)
        if 255 * integers.sum() < _LARGEST_SUM:
            return integers.astype(np.int32), np.array([shift], np.int32)
    raise ValueError(
        "A factor from the steps of an operand to those of a sum must be below 2**20. "
        f"Received: {factors}."
    )


def power_of_two_multiplier(factor: float) -> tuple[int, int]:
    """The nearest power of two, as a multiplier of 1 or -1 and a shift.

    A requantisation with it shifts and rounds; nothing is multiplied.
    """
    if factor == 0.0:
        return 0, 31
    return _checked(factor, int(math.copysign(1, factor)), -round(math.log2(abs(factor))))


def multipliers(
    factors: np.ndarray, choose: Callable[[float], tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """The multipliers and shifts of several factors, int32 arrays."""
    pairs = [choose(float(factor)) for factor in np.ravel(factors)]
    array = np.array(pairs, np.int32).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _checked(factor: float, multiplier: int, shift: int) -> tuple[int, int]:
    if not 1 <= shift <= _LONGEST_SHIFT:
        raise ValueError(
            "A factor from sums to outputs must lie between 2**-62 and 2**30 in magnitude. "
            f"Received: {factor:.6g}."
        )
    return multiplier, shift
