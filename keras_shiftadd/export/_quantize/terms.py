"""The integers of a kernel, and what its sums stand for."""

from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._model.plan import Affine
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization, quantize_kernel


@dataclass(frozen=True)
class Terms:
    """A channel's output is `slope * sum + offset`.

    Args:
        kernel: int8 array `(rows, columns, channels, filters)`.
        kernel_scale: float64 array `(filters,)`, what a step of the kernel stands for.
        slope: float64 array `(filters,)`.
        offset: float64 array `(filters,)`.
        largest_sum: float64 array `(filters,)`, a bound of the magnitude of a sum.
        clamped: Share of the weights that lie beyond the range of the inputs, 0 to 1.
    """

    kernel: np.ndarray
    kernel_scale: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    largest_sum: np.ndarray
    clamped: float = 0.0


def product_terms(
    kernel: np.ndarray,
    bias: np.ndarray,
    affine: Affine,
    inputs: Quantization,
    powers_of_two: bool,
) -> Terms:
    """The terms of a convolution whose kernel is multiplied, or shifts.

    The gain of a normalisation goes into the scales, and its sign into the kernel.

    Args:
        kernel: float array, the filters last.
        bias: Of the layer, for each filter.
        affine: The normalisation behind the layer.
        inputs: Quantisation of the input.
        powers_of_two: Whether the kernel holds powers of two.
    """
    offset = affine.gain * bias + affine.offset
    integers, scales, _ = quantize_kernel(kernel, affine.gain, offset, inputs.scale, powers_of_two)
    kernel_scale = scales.astype(np.float64)
    weights = np.abs(integers.astype(np.int64)).sum(axis=(0, 1, 2))
    return Terms(integers, kernel_scale, inputs.scale * kernel_scale, offset, 255.0 * weights)


def adder_terms(
    kernel: np.ndarray,
    bias: np.ndarray,
    affine: Affine,
    inputs: Quantization,
    redistribute: bool,
) -> Terms:
    """The terms of an adder convolution.

    Args:
        kernel: float array, the filters last.
        bias: Of the layer, for each filter.
        affine: The normalisation behind the layer.
        inputs: Quantisation of the input, which the kernel shares.
        redistribute: Whether weights beyond the range of the inputs count in full. All inputs lie
            on the same side of such a weight, so how far it is beyond is a constant.
    """
    within = np.clip(kernel, inputs.low, inputs.high)
    beyond = np.abs(kernel - within)
    if redistribute:
        bias = bias - beyond.sum(axis=(0, 1, 2))
    integers = np.rint(within / inputs.scale) + inputs.zero_point
    filters = kernel.shape[-1]
    return Terms(
        np.clip(integers, INT8_MIN, INT8_MAX).astype(np.int8),
        np.full(filters, inputs.scale),
        affine.gain * inputs.scale,
        affine.gain * bias + affine.offset,
        np.full(filters, 255.0 * kernel[..., 0].size),
        float(np.mean(beyond > inputs.scale / 2)),
    )
