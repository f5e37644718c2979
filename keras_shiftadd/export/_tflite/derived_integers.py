"""The integers that the runtimes derive from the scales of a .tflite file.

A file holds float32 scales; LiteRT and tflite-micro make multipliers, shifts and limits of them
when they load it. These functions make the same integers, bit for bit.
"""

import math
from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import Requantization
from keras_shiftadd.export._integer.requantize import requantize
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization

ACTIVATIONS = ("linear", "relu", "relu6")
_LEFT_SHIFT = 20  # of ADD and SUB


def _requantization(factors: list[float], output: Quantization, activation: str) -> Requantization:
    numbers = [tflite_multiplier(factor) for factor in factors]
    low, high = activation_limits(output, activation)
    return Requantization(
        np.array([multiplier for multiplier, _ in numbers], np.int32),
        np.array([shift for _, shift in numbers], np.int32),
        output.zero_point,
        "double",
        low,
        high,
    )


def convolution(
    source: Quantization, kernel_scale: np.ndarray, output: Quantization, activation: str
) -> Requantization:
    """Of CONV_2D, DEPTHWISE_CONV_2D, and FULLY_CONNECTED with several scales.

    Args:
        source: Of the input.
        kernel_scale: float32 array, one for each filter.
        output: Of the output.
        activation: The fused one.
    """
    scales = np.asarray(kernel_scale, np.float32)
    factors = [source.scale * float(scale) / output.scale for scale in scales]
    return _requantization(factors, output, activation)


def fully_connected(
    source: Quantization, kernel_scale: float, filters: int, output: Quantization, activation: str
) -> Requantization:
    """Of FULLY_CONNECTED with one scale for its kernel: scales are multiplied in float32."""
    product = np.float32(np.float32(source.scale) * np.float32(kernel_scale))
    return _requantization([float(product) / output.scale] * filters, output, activation)


def mean(source: Quantization, output: Quantization, count: int) -> Requantization:
    """Of MEAN over `count` positions: the division goes into the multiplier, rounded down."""
    multiplier, shift = tflite_multiplier(source.scale / output.scale)
    bits = min(count.bit_length() - 1, 32, 62 - shift)
    return Requantization(
        np.array((multiplier << bits) // count, np.int32),
        np.array(shift + bits, np.int32),
        output.zero_point,
        "double",
    )


@dataclass(frozen=True, eq=False)
class SumIntegers:
    """Of ADD and SUB: see `Add`."""

    left_shift: int
    input_multipliers: np.ndarray
    input_shifts: np.ndarray
    requantization: Requantization


def add(
    first: Quantization, second: Quantization, output: Quantization, activation: str
) -> SumIntegers:
    """Of ADD and SUB.

    Raises:
        ValueError: If the scale of the output is too fine for the runtimes.
    """
    common = 2.0 * max(first.scale, second.scale)
    inputs = [tflite_multiplier(item.scale / common) for item in (first, second)]
    factor = common / (2**_LEFT_SHIFT * output.scale)
    if factor >= 1.0:
        raise ValueError(
            "The scale of a sum must not be finer than a 2**19th of the scales of its operands. "
            f"Received: scales {first.scale} and {second.scale}, output scale {output.scale}."
        )
    return SumIntegers(
        _LEFT_SHIFT,
        np.array([multiplier for multiplier, _ in inputs], np.int32),
        np.array([shift for _, shift in inputs], np.int32),
        scalar(_requantization([factor], output, activation)),
    )


def multiply(
    first: Quantization, second: Quantization, output: Quantization, activation: str
) -> Requantization:
    """Of MUL, which multiplies the scales of its operands in float64."""
    factor = first.scale * second.scale / output.scale
    return scalar(_requantization([factor], output, activation))


def equal(a: Requantization, b: Requantization) -> bool:
    """Whether two requantisations have the same multipliers, shifts, zero point and rounding."""
    return (
        np.array_equal(np.ravel(a.multiplier), np.ravel(b.multiplier))
        and np.array_equal(np.ravel(a.shift), np.ravel(b.shift))
        and a.zero_point == b.zero_point
        and a.rounding == b.rounding
    )


def scalar(requantization: Requantization) -> Requantization:
    """The same with numbers in the place of arrays of one."""
    return Requantization(
        requantization.multiplier.reshape(()),
        requantization.shift.reshape(()),
        requantization.zero_point,
        requantization.rounding,
        requantization.low,
        requantization.high,
    )


def activation_limits(output: Quantization, activation: str) -> tuple[int, int]:
    """The least and the largest integer that a fused activation lets through."""
    low, high = INT8_MIN, INT8_MAX
    if activation != "linear":
        low = max(low, output.zero_point)
    if activation == "relu6":
        six = np.float32(6.0) / np.float32(output.scale)
        high = min(high, output.zero_point + math.floor(float(six) + 0.5))
    return low, high


def activation_of(output: Quantization, low: int, high: int) -> str | None:
    """The fused activation with these limits, or None."""
    for activation in ACTIVATIONS:
        if activation_limits(output, activation) == (low, high):
            return activation
    return None


def requantize_table(source: Quantization, output: Quantization, function: str) -> np.ndarray:
    """What QUANTIZE (`"requantize"`) or RELU (`"relu"`) makes of every int8 number.

    Returns:
        int8 array of 256, the result of -128 first.
    """
    factor = source.scale / output.scale
    if function == "relu":
        # This one divides in float32.
        factor = float(np.float32(source.scale) / np.float32(output.scale))
    multiplier, shift = tflite_multiplier(factor)
    low, high = activation_limits(output, "linear" if function == "requantize" else "relu")
    scaled = Requantization(
        np.array(multiplier), np.array(shift), output.zero_point, "double", low, high
    )
    return requantize(np.arange(-128, 128) - source.zero_point, scaled)
