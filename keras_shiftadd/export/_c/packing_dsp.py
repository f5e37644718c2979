"""Layouts of weights of custom_ops/micro/pairs_dsp.h, for cores with Arm's DSP instructions.

Blocks of four filters, the last one filled up with zeros: four numbers that the sums begin with,
the weights in the order in which they are read, four multipliers.
"""

import numpy as np

from keras_shiftadd.export._c.packing import by_filter
from keras_shiftadd.export._integer.bounds import largest_sums
from keras_shiftadd.export._integer.operators import Convolution

_FILTERS = 4
_ELEMENTS = 4


def fast_left_shift(convolution: Convolution) -> int | None:
    """How far sums are shifted left for LSL, SMMLAR and SSAT to requantise them.

    That takes one rounding, one shift of at most 32 for all filters, and sums that stay within 32
    bits.

    Returns:
        32 less the shift, or None where the layer is not requantised in that form.
    """
    requantization = convolution.requantization
    shift = int(requantization.shift.flat[0])
    if (
        requantization.rounding != "single"
        or shift > 32
        or np.any(requantization.shift != shift)
        or np.any(requantization.multiplier == -(2**31))
    ):
        return None
    left = 32 - shift
    return left if left == 0 or int(largest_sums(convolution).max()) << left < 2**31 else None


def adder_blocks(convolution: Convolution) -> np.ndarray:
    """The weights of `ksa_adder_conv_dsp`: bytes with a flipped sign bit, sums negated.

    Args:
        convolution: An adder convolution without groups.

    Returns:
        uint8 array.
    """
    weights = _whole_blocks(by_filter(convolution.kernel)).view(np.uint8) ^ 0x80
    # (block, step, filter, element)
    steps = weights.reshape(-1, _FILTERS, weights.shape[1] // _ELEMENTS, _ELEMENTS)
    return _blocks(-convolution.bias, steps.transpose(0, 2, 1, 3), -fast_multipliers(convolution))


def conv_blocks(convolution: Convolution, input_zero: int) -> np.ndarray:
    """The weights of `ksa_conv_dsp`: pairs of elements 0 and 2, and 1 and 3, of two filters.

    Args:
        convolution: A multiplicative or shift convolution without groups.
        input_zero: The zero point of its input.

    Returns:
        uint8 array.
    """
    weights = _whole_blocks(by_filter(convolution.kernel))
    # (block, pair of filters, filter, four elements, one of the halves, which of a pair)
    parts = weights.reshape(-1, 2, 2, weights.shape[1] // _ELEMENTS, 2, 2)
    steps = parts.transpose(0, 3, 5, 1, 4, 2)
    sums = convolution.kernel.astype(np.int64).sum(axis=(0, 1, 2))
    start = convolution.bias.astype(np.int64) - input_zero * sums
    return _blocks(start, steps, fast_multipliers(convolution))


def scratch_bytes(convolution: Convolution) -> int:
    """Bytes of `ksa_adder_conv_dsp_scratch_bytes` and `ksa_conv_dsp_scratch_bytes`."""
    rows, columns, channels, _ = convolution.kernel.shape
    words = -(-rows * columns * channels // _ELEMENTS)
    bytes_apart = 4 if channels % _ELEMENTS else 0
    return words * ((8 if convolution.operator == "adder" else 16) + bytes_apart)


def _whole_blocks(weights: np.ndarray) -> np.ndarray:
    """Windows of whole words, filters of whole blocks, filled up with zeros."""
    filters, window = weights.shape
    return np.pad(weights, ((0, -filters % _FILTERS), (0, -window % _ELEMENTS)))


def fast_multipliers(convolution: Convolution) -> np.ndarray:
    """The multipliers of a fast layer, an int32 array `(filters,)`; zeros for others."""
    if fast_left_shift(convolution) is not None:
        return np.broadcast_to(convolution.requantization.multiplier, convolution.bias.shape)
    return np.zeros_like(convolution.bias)


def _blocks(start: np.ndarray, steps: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    count = len(steps)

    def four(values: np.ndarray) -> np.ndarray:
        padded = np.zeros(count * _FILTERS, "<i4")
        padded[: len(values)] = values
        return padded.reshape(count, _FILTERS).view(np.uint8)

    middle = np.ascontiguousarray(steps).view(np.uint8).reshape(count, -1)
    return np.concatenate([four(start), middle, four(multiplier)], axis=1).ravel()
