"""Chooses the integers that take sums to outputs."""

import math
from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._integer.multipliers import (
    fast_multipliers,
    multipliers,
    power_of_two_multiplier,
    tflite_multiplier,
)
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.options import Rounding

_LARGEST_SUM = 2.0**31
_LARGEST_BIAS = 2**30
_SCALES_TRIED = np.linspace(0.0, 1.0, 65)


@dataclass(frozen=True)
class Integers:
    """The bias, the multiplier and the shift of each channel, and the output's quantisation."""

    bias: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    quantization: Quantization


def requantization_integers(
    slope: np.ndarray,
    offset: np.ndarray,
    mean_sum: np.ndarray,
    largest_sum: np.ndarray,
    output: Quantization,
    rounding: Rounding,
    powers_of_two: bool,
    free_slopes: bool,
) -> Integers:
    """The integers with which `slope * sum + offset` comes out as int8.

    Args:
        slope: For each channel.
        offset: For each channel.
        mean_sum: For each channel.
        largest_sum: A bound of the magnitude of sums, for each channel.
        output: The quantisation that is wanted; the one returned may be coarser.
        rounding: `"single"` or `"double"`.
        powers_of_two: Whether multipliers must be powers of two.
        free_slopes: Whether slopes may change; those of a kernel with scales may not.
    """
    if free_slopes:
        bias, slope = _free_biases(slope, offset, mean_sum)
    else:
        bias = _biases(slope, offset)
    output = output.fit(float(np.abs(slope).max()))
    if rounding == "double":
        output = _coarse_enough(output, slope, largest_sum + np.abs(bias))
        return Integers(bias, *multipliers(slope / output.scale, tflite_multiplier), output)
    if not powers_of_two:
        return Integers(bias, *fast_multipliers(slope / output.scale), output)
    output = _near_powers_of_two(output, slope)
    multiplier, shift = multipliers(slope / output.scale, power_of_two_multiplier)
    # The mean of each channel stays where it is though the slope is rounded.
    rounded = multiplier * 2.0 ** -shift.astype(np.float64) * output.scale
    bias = _biases(rounded, offset + (slope - rounded) * mean_sum)
    return Integers(bias, multiplier, shift, output)


def _biases(slope: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Integer biases of slopes that are not 0."""
    used = np.where(slope == 0.0, 1.0, slope)
    return np.clip(np.rint(offset / used), 1 - _LARGEST_BIAS, _LARGEST_BIAS - 1).astype(np.int32)


def _free_biases(
    slope: np.ndarray, offset: np.ndarray, mean_sum: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integer biases, and slopes that fit them.

    Where the offset is worth more than 30 bits of sums, the sum hardly counts: the channel is
    made a constant by a large bias and a slope of its own.
    """
    bias, slope = np.zeros(len(slope)), slope.astype(np.float64)
    for channel in range(len(slope)):
        if abs(offset[channel]) < abs(slope[channel]) * (_LARGEST_BIAS - 1):
            bias[channel] = round(offset[channel] / slope[channel])
            continue
        constant = offset[channel] + slope[channel] * mean_sum[channel]
        bias[channel] = math.copysign(_LARGEST_BIAS // 2, constant)
        slope[channel] = constant / bias[channel]
    return bias.astype(np.int32), slope


def _coarse_enough(
    quantization: Quantization, slope: np.ndarray, largest_sum: np.ndarray
) -> Quantization:
    """A scale for which sums keep within 32 bits where double rounding shifts them left."""
    scale = quantization.scale
    while True:
        _, shift = multipliers(slope / scale, tflite_multiplier)
        left = np.maximum(31 - shift, 0)
        if np.all(largest_sum * 2.0**left < _LARGEST_SUM):
            return Quantization(scale, quantization.zero_point)
        scale *= 2.0


def _near_powers_of_two(quantization: Quantization, slope: np.ndarray) -> Quantization:
    """A scale, up to twice as coarse, for which the factors are nearest to powers of two."""
    used = np.abs(slope[slope != 0.0])
    if not used.size:
        return quantization
    logarithms = np.log2(used / quantization.scale)
    exact = logarithms - np.floor(logarithms)
    coarser = np.concatenate([exact[exact == 0.0], _SCALES_TRIED, exact])
    distance = logarithms[:, None] - coarser
    error = ((distance - np.rint(distance)) ** 2).mean(axis=0)
    best = float(coarser[int(np.argmin(np.round(error, 12)))])
    return Quantization(float(np.float32(quantization.scale * 2.0**best)), quantization.zero_point)
