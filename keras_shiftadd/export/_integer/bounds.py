"""Bounds that hold for every input."""

import numpy as np

from keras_shiftadd.export._integer.operators import Convolution

_LARGEST_DIFFERENCE = 255


def largest_sums(convolution: Convolution) -> np.ndarray:
    """Bounds of the magnitudes of the sums of a convolution, with their bias.

    Args:
        convolution: Of any operator.

    Returns:
        int64 array `(filters,)`.
    """
    kernel = np.abs(convolution.kernel.astype(np.int64)).reshape(-1, convolution.kernel.shape[3])
    weights = len(kernel) if convolution.operator == "adder" else kernel.sum(axis=0)
    return _LARGEST_DIFFERENCE * weights + np.abs(convolution.bias.astype(np.int64))
