"""Depthwise convolutions, in the form that is fast on the backend."""

import importlib
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._windows import Windows, integers, read_windows


def prefers_windows() -> bool:
    """Whether a sum of windows is faster than a convolution: with JAX on processors.

    There XLA takes 4 to 46 times as long for a depthwise convolution; to TensorFlow and PyTorch
    convolutions are the faster form (`benchmarks/depthwise.py`).
    """
    if keras.backend.backend() != "jax":
        return False
    return str(importlib.import_module("jax").default_backend()) == "cpu"


def depthwise_conv(
    x: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Any:
    """What `keras.ops.depthwise_conv` computes.

    Args:
        x: Tensor `(batch, *sizes, channels)`, or channels first as `data_format` says.
        kernel: Tensor `(*kernel_size, channels, depth_multiplier)`.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Tensor `(batch, *output_sizes, channels * depth_multiplier)`, or channels first.
    """
    sizes, rank = tuple(x.shape[1:-1]), len(kernel.shape) - 2
    known = all(isinstance(size, int) for size in sizes)
    if data_format == "channels_last" and known and prefers_windows():
        steps = integers(strides, rank, "strides"), integers(dilation_rate, rank, "dilation_rate")
        windows = Windows(sizes, tuple(kernel.shape[:rank]), *steps, padding)
        if min(windows.output_sizes) > 0:
            return _sum(x, kernel, windows)
    return ops.depthwise_conv(
        x,
        kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


def _sum(x: Any, kernel: Any, windows: Windows) -> Any:
    wide, kernel = _wide(x), _wide(kernel)
    total = None
    for tap, part in zip(windows.taps, read_windows(wide, windows), strict=True):
        term = part[..., None] * kernel[tap]
        total = term if total is None else total + term
    channels = kernel.shape[-2] * kernel.shape[-1]
    return ops.cast(ops.reshape(total, (-1, *windows.output_sizes, channels)), x.dtype)


def sum_of_windows(x: Any, kernel: Any) -> Any:
    """The sum over all taps of what the tap reads times its weights.

    Args:
        x: Tensor `(..., tokens + taps - 1, channels)`.
        kernel: Tensor `(taps, ...)`, whose parts are broadcast to `(..., tokens, channels)`.

    Returns:
        Tensor `(..., tokens, channels)`.
    """
    taps = kernel.shape[0]
    tokens = ops.shape(x)[-2] - taps + 1
    wide, kernel = _wide(x), _wide(kernel)
    total = wide[..., :tokens, :] * kernel[0]
    for tap in range(1, taps):
        total = total + wide[..., tap : tap + tokens, :] * kernel[tap]
    return ops.cast(total, x.dtype)


def _wide(x: Any) -> Any:
    """Sums of narrow numbers are taken in float32, as convolutions take theirs."""
    narrow = keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16")
    return ops.cast(x, "float32") if narrow else x
