"""The integers of a kernel, and what its sums stand for."""

from dataclasses import dataclass, replace

import numpy as np

from keras_shiftadd.export._model.plan import Affine
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization, quantize_kernel

# Beyond that, a channel is not scaled in another way, but has lost its numbers.
_MOST_MATCHED = 3.0


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
        input_scale: Scale of the input, for products.
        one_scale: See `product_slope`.
    """

    kernel: np.ndarray
    kernel_scale: np.ndarray
    slope: np.ndarray
    offset: np.ndarray
    largest_sum: np.ndarray
    clamped: float = 0.0
    input_scale: float | None = None
    one_scale: bool = False


def product_terms(
    kernel: np.ndarray,
    bias: np.ndarray,
    affine: Affine,
    inputs: Quantization,
    powers_of_two: bool,
    one_scale: bool = False,
) -> Terms:
    """The terms of a convolution whose kernel is multiplied, or shifts.

    The gain of a normalisation goes into the scales, and its sign into the kernel.

    Args:
        kernel: float array, the filters last.
        bias: Of the layer, for each filter.
        affine: The normalisation behind the layer.
        inputs: Quantisation of the input.
        powers_of_two: Whether the kernel holds powers of two.
        one_scale: See `product_slope`.
    """
    offset = affine.gain * bias + affine.offset
    integers, scales, _ = quantize_kernel(kernel, affine.gain, offset, inputs.scale, powers_of_two)
    kernel_scale = scales.astype(np.float64)
    weights = np.abs(integers.astype(np.int64)).sum(axis=(0, 1, 2))
    return Terms(
        integers,
        kernel_scale,
        product_slope(inputs.scale, kernel_scale, one_scale),
        offset,
        255.0 * weights,
        input_scale=inputs.scale,
        one_scale=one_scale,
    )


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


def matched(
    terms: Terms,
    sums: tuple[np.ndarray, np.ndarray],
    expected: tuple[np.ndarray, np.ndarray],
) -> Terms:
    """Terms with slopes and offsets by which each channel has the mean and deviation expected.

    Where inputs are scaled in another way than in float, so are the sums; this is what a
    normalisation behind them would make of it.

    Args:
        terms: The kernel, and what its sums stand for.
        sums: Mean and standard deviation of the sums of each filter.
        expected: Mean and standard deviation of each channel of the output.
    """
    (mean_sum, deviation_sum), (mean, deviation) = sums, expected
    now = np.abs(terms.slope) * deviation_sum
    known = (now > 0.0) & (deviation > 0.0)
    ratio = np.where(known, deviation / np.where(known, now, 1.0), 1.0)
    ratio = np.clip(ratio, 1 / _MOST_MATCHED, _MOST_MATCHED)
    if terms.input_scale is None:
        slope = terms.slope * ratio
        return replace(terms, slope=slope, offset=mean - slope * mean_sum)
    kernel_scale = (terms.kernel_scale * ratio).astype(np.float32).astype(np.float64)
    slope = product_slope(terms.input_scale, kernel_scale, terms.one_scale)
    return replace(terms, kernel_scale=kernel_scale, slope=slope, offset=mean - slope * mean_sum)


def product_slope(input_scale: float, kernel_scale: np.ndarray, one_scale: bool) -> np.ndarray:
    """What a step of a sum of products stands for.

    Args:
        input_scale: Of the input.
        kernel_scale: Of the kernel, for each filter.
        one_scale: Whether the layer is dense with one filter: TFLite multiplies its scales in
            float32.
    """
    if one_scale:
        product = np.float32(input_scale) * kernel_scale.astype(np.float32)
        return product.astype(np.float64)
    return input_scale * kernel_scale
