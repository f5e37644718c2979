"""Operations of a supernet: full-width tensors of which a run-time number of channels is in use.

Channels in use are a prefix. What is not in use is zero on its way from layer to layer.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._depthwise import depthwise_conv
from keras_shiftadd.ops._windows import Windows, read_windows
from keras_shiftadd.tuners._space.networks import BATCH_NORM_EPSILON


def plain(variable: Any) -> Any:
    """The value of a variable; on TensorFlow `convert_to_tensor` would return a variable."""
    tensor = ops.convert_to_tensor(variable)
    return ops.cast(tensor, tensor.dtype)


def prefix_mask(size: int, used: Any) -> Any:
    """1 for the channels in use, 0 for the others; float32 `(size,)`."""
    return ops.cast(ops.arange(size, dtype="int32") < used, "float32")


def centre_mask(window: tuple[int, int], inner: tuple[int, int]) -> Any:
    """1 for the taps of a smaller window in the centre of a larger one: `(rows, columns, 1, 1)`."""
    rows, columns = (_centre(full, part) for full, part in zip(window, inner, strict=True))
    grid = [[float(r in rows and c in columns) for c in range(window[1])] for r in range(window[0])]
    return ops.reshape(ops.convert_to_tensor(grid, dtype="float32"), (*window, 1, 1))


def centre(kernel: Any, window: tuple[int, int], inner: tuple[int, int]) -> Any:
    """The taps of a smaller window out of the centre of a kernel."""
    rows, columns = (_centre(full, part) for full, part in zip(window, inner, strict=True))
    return kernel[rows.start : rows.stop, columns.start : columns.stop]


def _centre(full: int, part: int) -> range:
    before = (full - part) // 2
    return range(before, before + part)


def normalize(
    x: Any, gamma: Any, beta: Any, statistics: tuple[Any, Any] | None
) -> tuple[Any, tuple[Any, Any]]:
    """BatchNormalization, by the statistics given or those of the batch.

    No tensor is used more than twice: where a gradient has three terms, TensorFlow's memory
    optimiser sums them in a temporary variable, which fails inside a branch that is not taken.

    Returns:
        The normalised tensor, and the mean and variance that were used.
    """
    wide = ops.cast(x, _wide(x))
    axes = tuple(range(len(x.shape) - 1))
    mean = ops.mean(wide, axis=axes) if statistics is None else statistics[0]
    centred = wide - mean
    variance = ops.mean(ops.square(centred), axis=axes) if statistics is None else statistics[1]
    y = centred * (gamma * ops.rsqrt(variance + BATCH_NORM_EPSILON)) + beta
    return ops.cast(y, x.dtype), (mean, variance)


def _wide(x: Any) -> str:
    """Statistics are float32 at least."""
    dtype = keras.backend.standardize_dtype(x.dtype)
    return "float64" if dtype == "float64" else "float32"


def pointwise(x: Any, kernel: Any) -> Any:
    """A 1x1 convolution with a kernel `(1, 1, inputs, filters)`, as a matrix product."""
    return ops.matmul(x, ops.cast(kernel[0, 0], x.dtype))


def depthwise(x: Any, kernel: Any, stride: int) -> Any:
    """A depthwise convolution, padding "same"; kernel `(rows, columns, channels, 1)`."""
    return depthwise_conv(x, ops.cast(kernel, x.dtype), stride, "same")


def convolve(x: Any, kernel: Any, stride: int) -> Any:
    """A convolution, padding "same"; kernel `(rows, columns, inputs, filters)`."""
    kernel = ops.cast(kernel, x.dtype)
    if not _is_jax():
        # Keras on TensorFlow wants equal strides; of one column every second one is that column.
        return ops.conv(x, kernel, strides=stride, padding="same", data_format="channels_last")
    sizes = tuple(x.shape[1:3]), tuple(kernel.shape[:2])
    windows = Windows(*sizes, (stride, stride), (1, 1), "same")
    patches = ops.concatenate(read_windows(x, windows), axis=-1)
    return ops.matmul(patches, ops.reshape(kernel, (-1, kernel.shape[-1])))


def map_rows(function: Callable[..., Any], rows: Any, shared: Any) -> Any:
    """`function(row, shared)` for each row of a tensor of known length, compiled once for all.

    Args:
        function: must use no other tensor that depends on weights.
        rows: tensor whose first axis is gone through.
        shared: structure of tensors, the same for all rows.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.map(lambda row: function(row, shared), rows)
    # TensorFlow cannot derive a branch inside of its loops, but that of a function, which it
    # derives once. What the function would capture instead of being handed, it cannot derive.
    import tensorflow as tf

    run = tf.function(function, autograph=False)
    return ops.stack([run(rows[i], shared) for i in range(rows.shape[0])])


def _is_jax() -> bool:
    # Inside lax.switch, JAX's convolutions on CPU miss the fast path and take 10 to 20 times as
    # long; matrix products do not.
    return keras.backend.backend() == "jax"
