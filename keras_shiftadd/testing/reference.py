"""NumPy float64 references: the equations, written for reading and not for speed."""

import itertools
import math
from typing import Any

import numpy as np

Array = Any


def _tuple(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


class _Taps:
    """Cuts a padded channels-last array into the elements that each kernel tap reads."""

    def __init__(
        self,
        shape: tuple[int, ...],
        kernel_size: tuple[int, ...],
        strides: int | tuple[int, ...],
        padding: str,
        dilation_rate: int | tuple[int, ...],
    ) -> None:
        rank = len(kernel_size)
        strides, dilation = _tuple(strides, rank), _tuple(dilation_rate, rank)
        self.pads, self.outputs = [(0, 0)], []
        for size, k, s, d in zip(shape[1:-1], kernel_size, strides, dilation, strict=True):
            extent = (k - 1) * d + 1
            if padding == "valid":
                before = total = 0
                out = (size - extent) // s + 1
            elif padding == "causal":
                before = total = extent - 1
                out = -(-size // s)
            else:
                out = -(-size // s)
                total = max((out - 1) * s + extent - size, 0)
                before = total // 2
            self.pads.append((before, total - before))
            self.outputs.append(out)
        self.pads.append((0, 0))
        self.inner = (
            slice(None),
            *(
                slice(b, b + size)
                for (b, _), size in zip(self.pads[1:-1], shape[1:-1], strict=True)
            ),
        )
        self.slices = [
            (
                slice(None),
                *(
                    slice(t * d, t * d + (o - 1) * s + 1, s)
                    for t, d, s, o in zip(tap, dilation, strides, self.outputs, strict=True)
                ),
            )
            for tap in itertools.product(*(range(k) for k in kernel_size))
        ]

    def pad(self, x: Array) -> Array:
        return np.pad(np.asarray(x, "float64"), self.pads)


def _grouped(x: Array, kernel: Array) -> tuple[int, Array]:
    """The number of groups, and the kernel as (taps, groups, channels, filters a group)."""
    *_, channels, filters = kernel.shape
    groups = x.shape[-1] // channels
    kernel = np.asarray(kernel, "float64").reshape(-1, channels, groups, filters // groups)
    return groups, kernel.transpose(0, 2, 1, 3)


def _ungrouped(kernel: Array, shape: tuple[int, ...]) -> Array:
    return kernel.transpose(0, 2, 1, 3).reshape(shape)


def depthwise_as_grouped(kernel: Array) -> Array:
    """Returns a depthwise kernel as that of a convolution with a group a channel.

    Args:
        kernel: Array `(*kernel_size, channels, depth_multiplier)`.

    Returns:
        Array `(*kernel_size, 1, channels * depth_multiplier)`.
    """
    *size, channels, multiplier = kernel.shape
    return np.reshape(kernel, (*size, 1, channels * multiplier))


def conv(
    x: Array,
    kernel: Array,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Array:
    """Convolution, channels last; the number of groups follows from the shapes.

    Args:
        x: Array `(batch, *sizes, channels)`.
        kernel: Array `(*kernel_size, channels // groups, filters)`.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Array `(batch, *output_sizes, filters)`.
    """
    taps = _Taps(x.shape, kernel.shape[:-2], strides, padding, dilation_rate)
    groups, w = _grouped(x, kernel)
    padded = taps.pad(x)
    y = sum(
        np.einsum("...gc,gcf->...gf", _split(padded[s], groups), w[t])
        for t, s in enumerate(taps.slices)
    )
    return np.reshape(y, (*y.shape[:-2], -1))


def conv_gradients(
    x: Array,
    kernel: Array,
    upstream: Array,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> tuple[Array, Array]:
    """Gradients of `conv`.

    Args:
        x: Array `(batch, *sizes, channels)`.
        kernel: Array `(*kernel_size, channels // groups, filters)`.
        upstream: Array of the shape of the output.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        The gradients with respect to `x` and to `kernel`.
    """
    taps = _Taps(x.shape, kernel.shape[:-2], strides, padding, dilation_rate)
    groups, w = _grouped(x, kernel)
    padded = taps.pad(x)
    g = _split(np.asarray(upstream, "float64"), groups)
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    for t, s in enumerate(taps.slices):
        dx[s] += np.einsum("...gf,gcf->...gc", g, w[t]).reshape(padded[s].shape)
        rows = _split(padded[s], groups)
        dw[t] = np.einsum("pgc,pgf->gcf", _pixels(rows), _pixels(g))
    return dx[taps.inner], _ungrouped(dw, kernel.shape)


def adder_conv(
    x: Array,
    kernel: Array,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
) -> Array:
    """Adder convolution `-sum |x - w|`, channels last; padded positions contribute `-|w|`.

    Args:
        x: Array `(batch, *sizes, channels)`.
        kernel: Array `(*kernel_size, channels // groups, filters)`.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.

    Returns:
        Array `(batch, *output_sizes, filters)`.
    """
    taps = _Taps(x.shape, kernel.shape[:-2], strides, padding, dilation_rate)
    groups, w = _grouped(x, kernel)
    padded = taps.pad(x)
    y = sum(
        -np.abs(_split(padded[s], groups)[..., None] - w[t]).sum(-2)
        for t, s in enumerate(taps.slices)
    )
    return np.reshape(y, (*y.shape[:-2], -1))


def adder_conv_gradients(
    x: Array,
    kernel: Array,
    upstream: Array,
    strides: int | tuple[int, ...] = 1,
    padding: str = "valid",
    dilation_rate: int | tuple[int, ...] = 1,
    gradient: str = "full_precision",
) -> tuple[Array, Array]:
    """AdderNet's gradients of `adder_conv`, not normalised.

    Args:
        x: Array `(batch, *sizes, channels)`.
        kernel: Array `(*kernel_size, channels // groups, filters)`.
        upstream: Array of the shape of the output.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.
        gradient: `"full_precision"`, `"plain"` or `"sign"`; see `keras_shiftadd.ops.adder_conv`.

    Returns:
        The gradients with respect to `x` and to `kernel`.
    """
    taps = _Taps(x.shape, kernel.shape[:-2], strides, padding, dilation_rate)
    groups, w = _grouped(x, kernel)
    padded = taps.pad(x)
    g = _split(np.asarray(upstream, "float64"), groups)[..., None, :]
    dx, dw = np.zeros_like(padded), np.zeros_like(w)
    batch_axes = tuple(range(x.ndim - 1))
    for t, s in enumerate(taps.slices):
        difference = _split(padded[s], groups)[..., None] - w[t]
        to_input, to_kernel = {
            "full_precision": (np.clip(-difference, -1, 1), difference),
            "plain": (-difference, difference),
            "sign": (np.sign(-difference), np.sign(difference)),
        }[gradient]
        dx[s] += (g * to_input).sum(-1).reshape(padded[s].shape)
        dw[t] = (g * to_kernel).sum(batch_axes)
    return dx[taps.inner], _ungrouped(dw, kernel.shape)


def normalize_gradient(gradient: Array, scale: float = 0.2) -> Array:
    """AdderNet's rescaling of a kernel gradient: `scale * sqrt(k) * g / ||g||_2`.

    Args:
        gradient: Array of `k` elements, not all zero.
        scale: Number.

    Returns:
        Array of the same shape.
    """
    gradient = np.asarray(gradient, "float64")
    return scale * math.sqrt(gradient.size) * gradient / np.linalg.norm(gradient)


def round_to_power_of_two(weights: Array, weight_bits: int = 5, max_exponent: int = 0) -> Array:
    """DeepShift-Q: `sign(w) * 2 ** round(log2 |w|)` with limited exponents.

    Args:
        weights: Array of any shape.
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        Array of the same shape.
    """
    weights = np.asarray(weights, "float64")
    low = max(max_exponent - 2 ** (weight_bits - 1) + 1, -126)
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log2(np.abs(weights)) + 0.5)
    return np.sign(weights) * 2.0 ** np.clip(exponent, low, max_exponent)


def _split(x: Array, groups: int) -> Array:
    return x.reshape(*x.shape[:-1], groups, -1)


def _pixels(x: Array) -> Array:
    """Joins batch and spatial axes."""
    return x.reshape(-1, *x.shape[-2:])


def adder_matmul(x1: Array, x2: Array) -> Array:
    """Computes minus the L1 distance between each row and each column.

    Args:
        x1: Array `(..., M, K)`.
        x2: Array `(..., K, N)`.

    Returns:
        Array `(..., M, N)`.
    """
    x1, x2 = np.asarray(x1, "float64"), np.asarray(x2, "float64")
    return -np.abs(x1[..., None] - x2[..., None, :, :]).sum(-2)
