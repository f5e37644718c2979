"""The layout of weights of custom_ops/micro/depthwise.h: blocks of four channels."""

import numpy as np

from keras_shiftadd.export._c.packing import exponents
from keras_shiftadd.export._integer.operators import Convolution

_CHANNELS = 4
_MOST_TAPS = 257  # sums of absolute differences in 16 bits
_ZERO, _NEGATIVE = 64, 128  # of a shift weight


def refuses(convolution: Convolution) -> str | None:
    """Why the layout does not hold a convolution, or None if it does."""
    rows, columns, channels, filters = convolution.kernel.shape
    if channels != 1 or filters != convolution.groups:
        return "it takes depthwise convolutions of one filter a channel"
    if filters < _CHANNELS:
        return "it takes four channels or more"
    if rows * columns > _MOST_TAPS:
        return f"it takes windows of {_MOST_TAPS} positions at most"
    return None


def blocks(convolution: Convolution, codes: bool) -> np.ndarray:
    """The weights, a byte each: `(block, tap, channel)`.

    The last block begins so that all of its channels exist. Codes of powers of two are exponents,
    plus 128 for those below 0; 64 stands for 0.

    Args:
        convolution: A depthwise convolution.
        codes: Whether the weights are written as codes; those of a shift convolution can be.

    Returns:
        uint8 array.
    """
    weights = convolution.kernel.reshape(-1, convolution.kernel.shape[-1])
    if codes:
        exponent = exponents(weights)
        code = np.where(exponent < 0, _ZERO, exponent) + np.where(weights < 0, _NEGATIVE, 0)
        weights = code.astype(np.uint8)
    channels = weights.shape[1]
    first = np.minimum(np.arange(0, channels, _CHANNELS), channels - _CHANNELS)
    taken = weights.T[first[:, None] + np.arange(_CHANNELS)]  # (block, channel, tap)
    return np.ascontiguousarray(taken.transpose(0, 2, 1)).view(np.uint8).ravel()


def scratch_bytes(convolution: Convolution) -> int:
    """Bytes of the list of taps and of the zero points."""
    rows, columns, _, channels = convolution.kernel.shape
    return 4 * rows * columns + -(-channels // 4) * 4
