"""The kernel, the bias and the window of a layer, as NumPy arrays and numbers."""

from typing import Any

import keras
import numpy as np


def kernel_of(layer: Any) -> np.ndarray:
    """The kernel that a layer uses, in the layout of Keras."""
    kernel = layer.effective_kernel() if hasattr(layer, "effective_kernel") else layer.kernel
    return np.asarray(keras.ops.convert_to_numpy(kernel), np.float64)


def bias_of(layer: Any, size: int) -> np.ndarray:
    """The bias of a layer, or zeros."""
    if layer.bias is None:
        return np.zeros(size)
    return np.asarray(keras.ops.convert_to_numpy(layer.bias), np.float64)


def window_of(layer: Any) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Kernel size, strides and dilation in two dimensions; a sequence has height 1."""
    pair = [
        tuple(value) if len(value) == 2 else (1, *value)
        for value in (layer.kernel_size, layer.strides, layer.dilation_rate)
    ]
    return pair[0], pair[1], pair[2]
