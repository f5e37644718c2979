"""The adder operations: L1 distance between patches and kernels, with AdderNet's gradients."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops import _adder_compiled as compiled
from keras_shiftadd.ops import _adder_portable as portable
from keras_shiftadd.ops._tensors import plain_tensor
from keras_shiftadd.ops._windows import Windows, integers

ADDER_GRADIENTS = ("full_precision", "plain", "sign")


def _clip(difference: Any) -> Any:
    return ops.clip(difference, -1.0, 1.0)


def _sign(difference: Any) -> Any:
    # PyTorch's sign of not-a-number is zero.
    return ops.where(ops.isnan(difference), difference, ops.sign(difference))


def _identity(difference: Any) -> Any:
    return difference


# gradient -> (slope of the input gradient, slope of the kernel gradient; None is the identity)
SLOPES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any] | None]] = {
    "full_precision": (_clip, None),
    "plain": (_identity, None),
    "sign": (_sign, _sign),
}


def adder_conv(
    inputs: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
    gradient: str = "full_precision",
) -> Any:
    """Adder convolution: minus the L1 distance between each patch and each kernel.

    `y[p, f] = -sum_k |x[p, k] - w[k, f]|`. Padded positions hold zero and take part in the sum:
    they contribute `-|w|`. Sums are accumulated in float32 (float64 for float64 inputs) whatever
    the dtype of the inputs.

    Args:
        inputs: Float tensor `(batch, *sizes, channels)`, or `(batch, channels, *sizes)` with
            `data_format="channels_first"`; one or more spatial axes. `"channels_first"` works on
            a transposed copy.
        kernel: Float tensor `(*kernel_size, channels // groups, filters)`. The number of groups
            follows from the shapes, as in `keras.ops.conv`.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"`, or `"causal"` (padding in front only).
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or a tuple of one integer a spatial axis.
        gradient: What stands in for the derivative of the absolute value.
            `"full_precision"`: AdderNet's. The kernel receives `sum g * (x - w)` and the input
            `sum g * clip(w - x, -1, 1)`. `"plain"`: as before, without the clip. `"sign"`: the
            subgradient of the L1 distance, `sum g * sign(...)` for both.

    Returns:
        Tensor in the dtype of `inputs`, of shape `(batch, *output_sizes, filters)`, or
        `(batch, filters, *output_sizes)` with `"channels_first"`.

    Raises:
        ValueError: If an argument is unknown or the shapes do not fit each other.

    Example:

    >>> x = keras.random.normal((2, 8, 8, 3))
    >>> w = keras.random.normal((3, 3, 3, 16))
    >>> keras_shiftadd.ops.adder_conv(x, w, padding="same").shape
    (2, 8, 8, 16)

    Reference:
        - [Chen et al., 2020, AdderNet: Do We Really Need Multiplications in Deep Learning?](
        https://arxiv.org/abs/1912.13200), equations 2, 5 and 6.
    """
    inputs, kernel = _tensors(inputs, kernel)
    rank = len(inputs.shape) - 2
    if rank < 1 or len(kernel.shape) != rank + 2:
        raise ValueError(
            "`inputs` must have a batch axis, at least one spatial axis and a channel axis, and "
            "`kernel` as many axes. "
            f"Received: inputs.shape={inputs.shape}, kernel.shape={kernel.shape}."
        )
    data_format = _data_format(data_format)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    *size, group_channels, filters = kernel.shape
    groups = channels // group_channels if channels and channels % group_channels == 0 else 0
    if groups < 1 or filters % groups:
        raise ValueError(
            "The channels of `inputs` must be a multiple of the channels of `kernel`, and the "
            "number of filters a multiple of that number of groups. "
            f"Received: {channels} input channels, kernel.shape={kernel.shape}."
        )
    kernel = ops.reshape(kernel, (-1, group_channels, groups, filters // groups))
    kernel = ops.transpose(kernel, (0, 2, 1, 3))
    return _adder(
        inputs, kernel, tuple(size), strides, padding, data_format, dilation_rate, gradient
    )


def adder_depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | tuple[int, ...] = 1,
    gradient: str = "full_precision",
) -> Any:
    """Depthwise adder convolution: each channel is compared with kernels of its own.

    Args:
        inputs: Float tensor `(batch, *sizes, channels)`, or `(batch, channels, *sizes)` with
            `data_format="channels_first"`.
        kernel: Float tensor `(*kernel_size, channels, depth_multiplier)`.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or a tuple of one integer a spatial axis.
        gradient: As in `keras_shiftadd.ops.adder_conv`.

    Returns:
        Tensor in the dtype of `inputs`, with `channels * depth_multiplier` channels; output
        `c * depth_multiplier + m` belongs to input channel `c`.

    Raises:
        ValueError: If an argument is unknown or the shapes do not fit each other.

    Example:

    >>> x = keras.random.normal((2, 8, 8, 3))
    >>> w = keras.random.normal((3, 3, 3, 2))
    >>> keras_shiftadd.ops.adder_depthwise_conv(x, w).shape
    (2, 6, 6, 6)

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/1912.13200), equation 2 with one input channel
        a group.
    """
    inputs, kernel = _tensors(inputs, kernel)
    rank = len(inputs.shape) - 2
    data_format = _data_format(data_format)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    if rank < 1 or len(kernel.shape) != rank + 2 or kernel.shape[-2] != channels:
        raise ValueError(
            "`kernel` must have shape (*kernel_size, channels, depth_multiplier) with the "
            "channels of `inputs`. "
            f"Received: inputs.shape={inputs.shape}, kernel.shape={kernel.shape}."
        )
    *size, channels, multiplier = kernel.shape
    kernel = ops.reshape(kernel, (-1, channels, 1, multiplier))
    return _adder(
        inputs, kernel, tuple(size), strides, padding, data_format, dilation_rate, gradient
    )


def adder_dense(inputs: Any, kernel: Any, gradient: str = "full_precision") -> Any:
    """Adder dense operation: minus the L1 distance between the last axis and each kernel column.

    Args:
        inputs: Float tensor `(..., channels)`.
        kernel: Float tensor `(channels, units)`.
        gradient: As in `keras_shiftadd.ops.adder_conv`.

    Returns:
        Tensor `(..., units)` in the dtype of `inputs`.

    Raises:
        ValueError: If an argument is unknown or the shapes do not fit each other.

    Example:

    >>> x = keras.random.normal((4, 32))
    >>> w = keras.random.normal((32, 10))
    >>> keras_shiftadd.ops.adder_dense(x, w).shape
    (4, 10)

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/1912.13200), equation 2 with a 1x1 kernel.
    """
    inputs, kernel = _tensors(inputs, kernel)
    if len(inputs.shape) < 1 or len(kernel.shape) != 2 or inputs.shape[-1] != kernel.shape[0]:
        raise ValueError(
            "`kernel` must have shape (channels, units) with the size of the last axis of "
            "`inputs`. "
            f"Received: inputs.shape={inputs.shape}, kernel.shape={kernel.shape}."
        )
    channels, units = kernel.shape
    leading = ops.shape(inputs)[:-1]
    rows = ops.reshape(inputs, (-1, 1, channels))
    kernel = ops.reshape(kernel, (1, 1, channels, units))
    outputs = _adder(rows, kernel, (1,), 1, "valid", "channels_last", 1, gradient)
    return ops.reshape(outputs, (*leading, units))


def _tensors(inputs: Any, kernel: Any) -> tuple[Any, Any]:
    kernel, inputs = plain_tensor(kernel), plain_tensor(inputs)
    if not keras.backend.is_float_dtype(inputs.dtype):
        inputs = ops.cast(inputs, kernel.dtype)
    return inputs, kernel


def _data_format(data_format: str | None) -> str:
    data_format = data_format or keras.config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "`data_format` must be 'channels_last', 'channels_first' or None. "
            f"Received: data_format={data_format!r}."
        )
    return data_format


def _adder(
    inputs: Any,
    kernel: Any,
    kernel_size: tuple[int, ...],
    strides: int | tuple[int, ...],
    padding: str,
    data_format: str,
    dilation_rate: int | tuple[int, ...],
    gradient: str,
) -> Any:
    """Runs the adder operation on a kernel `(taps, groups, channels, filters)`."""
    if gradient not in SLOPES:
        raise ValueError(
            f"`gradient` must be one of {ADDER_GRADIENTS}. Received: gradient={gradient!r}."
        )
    if padding not in ("valid", "same", "causal"):
        raise ValueError(
            f"`padding` must be 'valid', 'same' or 'causal'. Received: padding={padding!r}."
        )
    rank = len(kernel_size)
    if data_format == "channels_first":
        inputs = ops.transpose(inputs, (0, *range(2, rank + 2), 1))
    windows = Windows(
        sizes=tuple(ops.shape(inputs)[1:-1]),
        kernel_size=kernel_size,
        strides=integers(strides, rank, "strides"),
        dilation_rate=integers(dilation_rate, rank, "dilation_rate"),
        padding=padding,
    )
    if any(isinstance(size, int) and size < 1 for size in windows.output_sizes):
        raise ValueError(
            "The dilated kernel must fit into the input. "
            f"Received: input sizes {windows.sizes}, kernel_size={kernel_size}, "
            f"dilation_rate={windows.dilation_rate}, padding={padding!r}. Use padding='same', a "
            "smaller kernel, or larger inputs."
        )
    dtype = "float64" if keras.backend.standardize_dtype(inputs.dtype) == "float64" else "float32"
    _, groups, channels, filters = kernel.shape
    problem = portable.AdderProblem(windows, groups, channels, filters, dtype)
    binding = compiled.serving_binding(problem, inputs, kernel)
    if binding is not None:
        outputs = compiled.adder_conv(binding, problem, inputs, kernel, gradient)
    else:
        outputs = _with_gradient(problem, gradient)(inputs, kernel)
    if data_format == "channels_first":
        outputs = ops.transpose(outputs, (0, rank + 1, *range(1, rank + 1)))
    return outputs


def _with_gradient(problem: portable.AdderProblem, gradient: str) -> Callable[[Any, Any], Any]:
    input_slope, kernel_slope = SLOPES[gradient]

    @ops.custom_gradient
    def operation(x: Any, w: Any) -> Any:
        wide = ops.cast(w, problem.dtype)

        def grad(*args: Any, upstream: Any = None) -> tuple[Any, Any]:
            g = args[0] if upstream is None else upstream
            dx = portable.input_gradient(problem, x, wide, g, input_slope)
            dw = portable.kernel_gradient(problem, x, wide, g, kernel_slope)
            return dx, ops.cast(dw, w.dtype)

        return portable.forward(problem, x, wide), grad

    return operation
