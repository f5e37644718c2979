"""What the bindings say alike: slopes, shapes, and the texts of errors."""

from collections.abc import Sequence
from typing import Any

from keras_shiftadd.custom_ops._window import Window

# gradient -> (slope of the input gradient, slope of the kernel gradient)
SLOPES = {
    "full_precision": ("clip", "identity"),
    "plain": ("identity", "identity"),
    "sign": ("sign", "sign"),
}

SECOND_ORDER = (
    "The compiled adder convolution has first-order gradients only. For gradients of gradients "
    "start the process with KERAS_SHIFTADD_OPS=python: the portable form is differentiated as "
    "often as needed."
)


def output_shape(x: Sequence[Any], w: Sequence[Any], window: Window) -> tuple[Any, ...]:
    """The shape of the output.

    Args:
        x: shape of the inputs, `(batch, height, width, groups * channels)`.
        w: shape of the kernel, `(taps, groups, channels, filters)`.
        window: the window.

    Returns:
        `(batch, output height, output width, groups * filters)`.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    rule = _broken_rule(x, w, window)
    if rule is not None:
        raise ValueError(
            f"{rule} Received: x of shape {tuple(x)}, w of shape {tuple(w)}, {window}."
        )
    outputs = []
    for axis in range(2):
        size, stride = x[1 + axis], window.strides[axis]
        if window.padding == "valid":
            size = size - _extent(window, axis) + 1
        outputs.append((size + stride - 1) // stride)
    return (x[0], *outputs, w[1] * w[3])


def check_upstream(g: Sequence[Any], x: Sequence[Any], w: Sequence[Any], window: Window) -> None:
    """Refuses a gradient that has not the shape of the output.

    Raises:
        ValueError: so it is, or the shapes do not fit each other.
    """
    wanted = output_shape(x, w, window)
    if len(g) != 4 or any(a != b for a, b in zip(g, wanted, strict=True)):
        raise ValueError(
            f"`g` must have the shape of the output, {wanted}. Received: g of shape {tuple(g)}."
        )


def _broken_rule(x: Sequence[Any], w: Sequence[Any], window: Window) -> str | None:
    if len(x) != 4:
        return "`x` must have the shape (batch, height, width, channels)."
    if len(w) != 4:
        return "`w` must have the shape (taps, groups, channels, filters)."
    if any(size < 1 for size in (*x[1:], *w)):
        return "Only the batch of `x` may be empty."
    if any(value < 1 for value in (*window.kernel_size, *window.strides, *window.dilation)):
        return "The sizes of the window must be at least 1."
    if w[0] != window.kernel_size[0] * window.kernel_size[1]:
        return "The first axis of `w` must hold kernel_size[0] * kernel_size[1] taps."
    if x[3] != w[1] * w[2]:
        return "The channels of `x` must be the groups of `w` times its channels."
    if window.padding not in ("valid", "same", "causal"):
        return "`padding` must be 'valid', 'same' or 'causal'."
    if window.padding == "valid" and any(x[1 + axis] < _extent(window, axis) for axis in range(2)):
        return "The dilated kernel must fit into the input."
    return None


def _extent(window: Window, axis: int) -> int:
    return (window.kernel_size[axis] - 1) * window.dilation[axis] + 1
