"""Windows of images: which elements an output reads."""

from collections.abc import Sequence

import numpy as np

from keras_shiftadd.export._integer.operators import Pair


def output_size(
    size: Sequence[int],
    kernel_size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    pads: Sequence[Pair],
) -> Pair:
    """Rows and columns of the output; below 1 where a window does not fit."""
    rows, columns = (
        (n + before + after - (k - 1) * d - 1) // s + 1
        for n, k, s, d, (before, after) in zip(
            size, kernel_size, strides, dilation, pads, strict=True
        )
    )
    return rows, columns


def pad(x: np.ndarray, pads: Sequence[Pair], value: int) -> np.ndarray:
    """Images with rows and columns of a value around them."""
    return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)


def windows(x: np.ndarray, kernel_size: Pair, strides: Pair, dilation: Pair = (1, 1)) -> np.ndarray:
    """What each output reads.

    Args:
        x: Padded images `(batch, rows, columns, channels)`.
        kernel_size: Rows and columns of a window.
        strides: Rows and columns.
        dilation: Rows and columns.

    Returns:
        A view `(batch, output rows, output columns, kernel rows, kernel columns, channels)`.
    """
    extent = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(1, 2))
    view = view[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)
