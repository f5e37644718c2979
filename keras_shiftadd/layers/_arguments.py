"""Checks of the arguments that layers have in common.

Numbers may be NumPy's, as in Keras' layers; what is kept is Python's, which a saved model can hold.
"""

from numbers import Integral
from typing import Any

import keras

from keras_shiftadd.ops._numbers import is_positive_integer


def positive_tuple(value: Any, rank: int, name: str) -> tuple[int, ...]:
    """Returns `value` as a tuple of `rank` positive integers."""
    values = (value,) * rank if isinstance(value, Integral) else value
    if (
        not isinstance(values, tuple | list)
        or len(values) != rank
        or not all(map(is_positive_integer, values))
    ):
        raise ValueError(
            f"`{name}` must be a positive integer or a tuple of {rank} positive integers. "
            f"Received: {name}={value!r}."
        )
    return tuple(map(int, values))


def one_of(value: Any, allowed: tuple[str, ...], name: str) -> str:
    """Returns `value` if it is one of the allowed strings."""
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {allowed}. Received: {name}={value!r}.")
    return value


def padding(value: Any, rank: int) -> str:
    """Returns `value` as a padding; `"causal"` exists for one spatial axis only."""
    allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    return one_of(value.lower() if isinstance(value, str) else value, allowed, "padding")


def data_format(value: Any) -> str:
    """Returns `value` as a data format; None is Keras' default."""
    if value is None:
        return keras.config.image_data_format()
    value = value.lower() if isinstance(value, str) else value
    return one_of(value, ("channels_last", "channels_first"), "data_format")


def strides_or_dilation(strides: tuple[int, ...], dilation_rate: tuple[int, ...]) -> None:
    """Raises where both are above one, as Keras' layers do."""
    if max(strides) > 1 and max(dilation_rate) > 1:
        raise ValueError(
            "`strides` above 1 cannot be combined with `dilation_rate` above 1. "
            f"Received: strides={strides}, dilation_rate={dilation_rate}."
        )


def channels(input_shape: tuple[int | None, ...], axis: int, name: str) -> int:
    """Returns the number of channels of an input shape, which must be known."""
    size = input_shape[axis]
    if size is None:
        raise ValueError(
            f"The channel axis of the inputs of layer '{name}' must be known. "
            f"Received: input_shape={tuple(input_shape)}."
        )
    return size


def window_output_shape(
    input_shape: tuple[int | None, ...],
    filters: int,
    kernel_size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    data_format: str,
    dilation_rate: tuple[int, ...],
    name: str,
) -> tuple[int | None, ...]:
    """Returns the output shape of a convolution."""
    rank = len(kernel_size)
    if len(input_shape) != rank + 2:
        raise ValueError(
            f"Inputs of layer '{name}' must have {rank + 2} axes: batch, {rank} spatial, channels. "
            f"Received: input_shape={tuple(input_shape)}."
        )
    sizes = input_shape[1:-1] if data_format == "channels_last" else input_shape[2:]
    outputs: list[int | None] = []
    for size, kernel, stride, dilation in zip(
        sizes, kernel_size, strides, dilation_rate, strict=True
    ):
        if size is None:
            outputs.append(None)
        elif padding == "valid":
            outputs.append((size - (kernel - 1) * dilation - 1) // stride + 1)
        else:
            outputs.append((size + stride - 1) // stride)
        if outputs[-1] is not None and outputs[-1] < 1:
            raise ValueError(
                f"The dilated kernel of layer '{name}' must fit into its inputs. "
                f"Received: input_shape={tuple(input_shape)}, kernel_size={kernel_size}, "
                f"dilation_rate={dilation_rate}, padding={padding!r}. Use padding='same', a "
                "smaller kernel, or larger inputs."
            )
    if data_format == "channels_last":
        return (input_shape[0], *outputs, filters)
    return (input_shape[0], filters, *outputs)
