"""Conversion of what users pass into plain tensors."""

from typing import Any

import keras
from keras import ops


def plain_tensor(value: Any, dtype: str | None = None) -> Any:
    """Returns `value` as a tensor which is no variable of any kind.

    A variable handed to `keras.ops.custom_gradient` loses its gradient on torch and is refused on
    TensorFlow, where `convert_to_tensor` returns the framework's variable; a cast reads it.
    """
    tensor = ops.convert_to_tensor(value, dtype=dtype)
    return ops.cast(tensor, tensor.dtype)


def wide_tensor(value: Any) -> Any:
    """Returns `value` as a plain float32 tensor, or float64 where that is what came.

    What rounds numbers works on these: its thresholds must not move with the policy.
    """
    tensor = plain_tensor(value)
    if keras.backend.standardize_dtype(tensor.dtype) == "float64":
        return tensor
    return ops.cast(tensor, "float32")
