"""Writes `gain * x + offset` per channel with elementwise operators."""

import numpy as np

from keras_shiftadd.export._builtin.writer import Value, Writer
from keras_shiftadd.export._model.calibration import Range
from keras_shiftadd.export._model.plan import Affine
from keras_shiftadd.export._quantization import Quantization


def write_affine(
    writer: Writer,
    value: Value,
    measured: Range,
    affine: Affine,
    activation: str,
    quantization: Quantization,
    negate: bool = False,
) -> Value:
    """Writes `gain * x + offset`, or `gain * -x + offset`, and an activation.

    The channel's middle is taken off before the multiplication: int8 numbers far from zero would
    lose the channel's variation, and so would a gain that is rounded. A sign costs nothing, since
    the subtraction is turned round.

    Args:
        writer: The file under construction.
        value: The tensor x, with the channels on the last axis.
        measured: The range of x for each channel.
        affine: Gain and offset for each channel.
        activation: "linear", "relu" or "relu6".
        quantization: The quantisation of the result.
        negate: Whether -x is taken.
    """
    fused = writer.flat.fused(activation)
    sign = -1.0 if negate else 1.0
    if np.all(affine.gain == 1.0):
        offset = writer.constant("offset", _shortest(affine.offset))
        code = "SUB" if negate else "ADD"
        inputs = [offset, value] if negate else [value, offset]
        unit = max(value.quantization.scale, offset.quantization.scale)
        output = writer.new("affine", value.shape, quantization.fit(unit))
        return writer.operator(code, inputs, output, fusedActivationFunction=fused)

    center = (measured.low + measured.high) / 2
    width = measured.high - measured.low
    gain = affine.gain.copy()
    # A channel that does not vary may have any gain; a huge one would coarsen all others.
    gain[np.abs(gain) * width < quantization.scale / 4] = 0.0
    offset = affine.offset + affine.gain * sign * center
    shift = _single_shift(gain, offset, width)
    if shift is not None:
        centered = _subtract(writer, value, center - sign * shift, measured, negate)
        multiplier = writer.constant("gain", _shortest(gain))
        unit = centered.quantization.scale * multiplier.quantization.scale
        output = writer.new("affine", value.shape, quantization.fit(unit))
        return writer.operator("MUL", [centered, multiplier], output, fusedActivationFunction=fused)
    centered = _subtract(writer, value, center, measured, negate)
    reach = np.max(np.abs(gain) * width / 2)
    multiplier = writer.constant("gain", _shortest(gain))
    unit = centered.quantization.scale * multiplier.quantization.scale
    held = Quantization.from_range(-reach, reach).fit(unit)
    scaled = writer.new("scaled", value.shape, held)
    writer.operator("MUL", [centered, multiplier], scaled)
    added = writer.constant("offset", _shortest(offset))
    unit = max(held.scale, added.quantization.scale)
    output = writer.new("affine", value.shape, quantization.fit(unit))
    return writer.operator("ADD", [scaled, added], output, fusedActivationFunction=fused)


def _single_shift(gain: np.ndarray, offset: np.ndarray, width: np.ndarray) -> np.ndarray | None:
    """`offset / gain`, where adding it before the multiplication costs little precision."""
    if np.any(gain == 0.0):
        return None
    shift = offset / gain
    reach = np.max(np.abs(shift) + width / 2)
    return shift if reach <= np.max(width) else None


def _subtract(
    writer: Writer, value: Value, middle: np.ndarray, measured: Range, negate: bool
) -> Value:
    """`x - middle`, or `middle - x`."""
    low, high = np.min(measured.low - middle), np.max(measured.high - middle)
    constant = writer.constant("center", _shortest(middle))
    unit = max(value.quantization.scale, constant.quantization.scale)
    if negate:
        held = Quantization.from_range(-high, -low).fit(unit)
        output = writer.new("centered", value.shape, held)
        return writer.operator("SUB", [constant, value], output)
    held = Quantization.from_range(low, high).fit(unit)
    output = writer.new("centered", value.shape, held)
    return writer.operator("SUB", [value, constant], output)


def _shortest(values: np.ndarray) -> np.ndarray:
    """One number where all are equal."""
    return values[:1] if np.all(values == values[0]) else values
