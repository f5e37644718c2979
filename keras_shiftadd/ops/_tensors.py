"""Conversion of what users pass into plain tensors."""

from typing import Any

from keras import ops


def plain_tensor(value: Any, dtype: str | None = None) -> Any:
    """Returns `value` as a tensor which is no variable of any kind.

    A variable handed to `keras.ops.custom_gradient` loses its gradient on torch and is refused on
    TensorFlow, where `convert_to_tensor` returns the framework's variable; a cast reads it.
    """
    tensor = ops.convert_to_tensor(value, dtype=dtype)
    return ops.cast(tensor, tensor.dtype)
