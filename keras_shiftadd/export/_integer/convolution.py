"""The sums of convolutions, for images of one or more samples."""

from collections.abc import Sequence

import numpy as np

from keras_shiftadd.export._integer.operators import Pair
from keras_shiftadd.export._integer.windows import pad, windows

# Window elements gathered at a time, and differences held at a time: what caches hold.
_GATHERED = 1 << 21
_DIFFERENCES = 1 << 17


def convolution_sums(
    operator: str,
    x: np.ndarray,
    kernel: np.ndarray,
    input_zero: int,
    groups: int = 1,
    strides: Pair = (1, 1),
    dilation: Pair = (1, 1),
    pads: Sequence[Pair] = ((0, 0), (0, 0)),
) -> np.ndarray:
    """The exact sums of a convolution, without its bias.

    Args:
        operator: `"adder"` sums `-|x - w|`; `"conv"` and `"shift"` sum `(x - input_zero) * w`.
        x: int8 array `(batch, rows, columns, channels)`.
        kernel: int8 array `(rows, columns, channels // groups, filters)`.
        input_zero: The zero point of `x`, which padding holds.
        groups: Into how many parts channels and filters are divided.
        strides: Rows and columns.
        dilation: Rows and columns.
        pads: Before and after the rows, before and after the columns.

    Returns:
        int64 array `(batch, output rows, output columns, filters)`.
    """
    rows, columns, channels, filters = kernel.shape
    taps = rows * columns
    grouped = kernel.reshape(taps * channels, groups, filters // groups).transpose(1, 0, 2)
    x = pad(x, pads, input_zero)
    samples = max(_GATHERED // max(taps * x[0].size, 1), 1)
    parts = []
    for start in range(0, len(x), samples):
        view = windows(x[start : start + samples], (rows, columns), strides, dilation)
        shape = view.shape[:3]
        split = view.reshape(-1, taps, groups, channels).transpose(2, 0, 1, 3)
        patches = split.reshape(groups, -1, taps * channels)
        if operator == "adder":
            sums = _adder_sums(patches, grouped)
        else:
            sums = _products(patches, grouped, input_zero)
        parts.append(sums.transpose(1, 0, 2).reshape(*shape, filters))
    return np.concatenate(parts)


def _products(patches: np.ndarray, kernel: np.ndarray, input_zero: int) -> np.ndarray:
    # Integers below 2 ** 53 are exact in float64, and its matrix products are fast.
    shifted = patches.astype(np.float64) - input_zero
    return np.matmul(shifted, kernel.astype(np.float64)).astype(np.int64)


def _adder_sums(patches: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    groups, positions, elements = patches.shape
    filters = kernel.shape[2]
    x = patches.astype(np.int16)[:, :, None]
    w = np.ascontiguousarray(kernel.transpose(0, 2, 1).astype(np.int16))
    sums = np.empty((groups, positions, filters), np.int64)
    some = max(_DIFFERENCES // (filters * elements), 1)
    for group in range(groups):
        for start in range(0, positions, some):
            difference = x[group, start : start + some] - w[group]
            np.abs(difference, out=difference)
            sums[group, start : start + some] = difference.sum(axis=-1, dtype=np.int32)
    return -sums
