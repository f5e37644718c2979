"""Writes adder layers with SUB, ABS and SUM: no data is multiplied by a weight.

The patches under the kernel are cut out with slices, `(1, positions, taps, 1)`, and the kernel is
`(1, 1, taps, filters)`. Their difference has positions x taps x filters bytes, so positions and
filters are taken in parts that keep within a bound; each output is still one sum, rounded once.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_shiftadd.export._builtin.write_affine import write_affine
from keras_shiftadd.export._builtin.writer import Value, Writer
from keras_shiftadd.export._model.calibration import Range
from keras_shiftadd.export._model.kernels import bias_of, kernel_of, window_of
from keras_shiftadd.export._model.known_layers import DENSE, DEPTHWISE
from keras_shiftadd.export._model.plan import Affine, Step
from keras_shiftadd.export._quantization import Quantization, constant_quantization

_NO_TIES = 1.01


@dataclass
class _Window:
    """Geometry of a layer over `(1, height, width, channels)`."""

    size: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    outputs: tuple[int, int]


@dataclass
class _Numbers:
    """Quantisation of the differences, their absolute values, the sums, and the kernel."""

    difference: Quantization
    absolute: Quantization
    total: Quantization
    kernel: Quantization


def write_adder(writer: Writer, step: Step) -> None:
    """Writes an adder layer, and what is merged into it."""
    layer: Any = step.node.layer
    kernel = kernel_of(layer)
    channels = step.node.shape[-1]
    bias = bias_of(layer, channels)
    if isinstance(layer, DENSE):
        source = step.node.inputs[0]
        shape = (1, 1, math.prod(source.shape[:-1]), source.shape[-1])
        value = writer.reshape(writer.raw(source), shape)
        window = _Window((1, 1), (1, 1), (1, 1), shape[1:3])
        kernel = kernel.reshape(1, 1, *kernel.shape)
    else:
        value = writer.image(step.node.inputs[0])
        size, strides, dilation = window_of(layer)
        height = 1 if len(step.node.shape) == 2 else step.node.shape[0]
        window = _Window(size, strides, dilation, (height, step.node.shape[-2]))
        value = writer.pad(value, _pads(value.shape, window, layer.padding))
        kernel = kernel.reshape(*size, *kernel.shape[-2:])
    kernel, excess = _within_inputs(kernel, value.quantization, isinstance(layer, DEPTHWISE))
    raw = writer.ranges[step.node]
    affine = step.affine or Affine(np.ones(channels), np.zeros(channels))
    largest = bias - excess  # of an output, where all distances are 0
    affine = Affine(affine.gain, affine.offset + affine.gain * largest)
    totals = Range(np.maximum(largest - raw.high, 0.0), np.maximum(largest - raw.low, 0.0))
    if step.activation != "linear":
        totals.high = _seen_through_relu(totals, affine)
    numbers = _numbers(value.quantization, kernel, totals)
    if isinstance(layer, DEPTHWISE):
        total = _depthwise(writer, value, kernel, window, numbers, layer.name)
    else:
        total = _grouped(writer, value, kernel, window, numbers, layer)
    total = writer.reshape(total, (1, *window.outputs, channels))
    quantization = writer.output_quantization(step.output)
    output = write_affine(writer, total, totals, affine, step.activation, quantization, negate=True)
    writer.put(step.output, output)


def _within_inputs(
    kernel: np.ndarray, inputs: Quantization, depthwise: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel within the range of the inputs, and what the sum of each output lacks by that.

    All inputs lie on the same side of a weight beyond their range, so how far it is beyond is a
    constant summand. It goes into the offset: the int8 numbers are spent on what varies.
    """
    kernel = kernel.astype(np.float64)
    within = np.clip(kernel, inputs.low, inputs.high)
    axes = (0, 1) if depthwise else (0, 1, 2)
    return within, np.abs(kernel - within).sum(axis=axes).reshape(-1)


def _seen_through_relu(totals: Range, affine: Affine) -> np.ndarray:
    """Up to where the sums matter: `offset - gain * sum` is cut off at 0, so larger ones may be
    saturated, and the int8 numbers are spent on the others.
    """
    gain = np.where(affine.gain > 0.0, affine.gain, np.inf)
    zero = np.where(affine.gain > 0.0, affine.offset / gain, np.inf)
    return np.clip(zero, totals.low, totals.high)


def _pads(shape: tuple[int, ...], window: _Window, padding: str) -> list[tuple[int, int]]:
    pads = [(0, 0)]
    for axis in range(2):
        reach = (window.size[axis] - 1) * window.dilation[axis]
        if padding == "same":
            used = (window.outputs[axis] - 1) * window.strides[axis] + reach + 1
            missing = max(used - shape[axis + 1], 0)
            pads.append((missing // 2, missing - missing // 2))
        else:
            pads.append((reach if padding == "causal" else 0, 0))
    return [*pads, (0, 0)]


def _numbers(inputs: Quantization, kernel: np.ndarray, totals: Range) -> _Numbers:
    weights = constant_quantization(kernel)
    # A kernel that fills the range of the inputs would make the steps of the differences twice
    # theirs: every second difference were a tie, and tflite-micro rounds all ties upwards.
    difference = Quantization.from_range(
        _NO_TIES * (inputs.low - kernel.max(initial=0.0)),
        _NO_TIES * (inputs.high - kernel.min(initial=0.0)),
    )
    # With the scale of the differences, ABS rounds nothing and needs no rescaling.
    absolute = Quantization(difference.scale, -128)
    total = Quantization.from_range(0.0, totals.high.max()).fit(difference.scale)
    return _Numbers(difference, absolute, total, weights)


def _grouped(
    writer: Writer,
    value: Value,
    kernel: np.ndarray,
    window: _Window,
    numbers: _Numbers,
    layer: Any,
) -> Value:
    # A dense layer has no groups.
    groups = getattr(layer, "groups", 1)
    channels, filters = kernel.shape[2], kernel.shape[3] // groups
    taps = kernel.shape[0] * kernel.shape[1] * channels
    results = []
    for group in range(groups):
        part = kernel[..., group * filters : (group + 1) * filters].reshape(1, 1, taps, filters)
        positions, most = _parts(writer.max_scratch_bytes, taps, filters, layer.name)
        constants = [
            _kernel_constant(writer, layer.name, part[..., start:stop], numbers)
            for start, stop in _spans(filters, most)
        ]
        span = group * channels, (group + 1) * channels
        blocks = []
        for patches in _patches(writer, value, window, span, 1):
            blocks += [
                writer.concatenate(
                    [_distance(writer, piece, constant, numbers) for constant in constants], 2
                )
                for piece in _pieces(writer, patches, positions)
            ]
        results.append(writer.concatenate(blocks, 1))
    return writer.concatenate(results, 2)


def _depthwise(
    writer: Writer,
    value: Value,
    kernel: np.ndarray,
    window: _Window,
    numbers: _Numbers,
    name: str,
) -> Value:
    rows, columns, channels, multiplier = kernel.shape
    taps = rows * columns
    kernel = kernel.reshape(1, 1, taps, channels, multiplier)
    # A channel has patches of its own, compared with one filter at a time.
    most, _ = _parts(writer.max_scratch_bytes, taps, 1, name)
    results = []
    for start, stop in _spans(channels, most):
        width = stop - start
        positions, _ = _parts(writer.max_scratch_bytes, taps * width, 1, name)
        constants = [
            _kernel_constant(writer, name, kernel[:, :, :, start:stop, index], numbers)
            for index in range(multiplier)
        ]
        blocks = []
        for patches in _patches(writer, value, window, (start, stop), width):
            for piece in _pieces(writer, patches, positions):
                totals = [_distance(writer, piece, constant, numbers) for constant in constants]
                blocks.append(_interleave(writer, totals))
        results.append(writer.concatenate(blocks, 1))
    return writer.concatenate(results, 2)


def _interleave(writer: Writer, totals: list[Value]) -> Value:
    """`(1, positions, channels)` for each multiple to `(1, positions, channels * multiples)`."""
    if len(totals) == 1:
        return totals[0]
    _, positions, channels = totals[0].shape
    columns = [writer.reshape(total, (1, positions, channels, 1)) for total in totals]
    joined = writer.concatenate(columns, 3)
    return writer.reshape(joined, (1, positions, channels * len(totals)))


def _parts(bound: int, taps: int, filters: int, name: str) -> tuple[int, int]:
    """How many positions and filters are compared at a time.

    At its largest there are the difference, its absolute value, and the patches. An eighth of the
    bound is left to the patches of the block from which the positions are taken.
    """
    available = bound - bound // 8
    positions = available // (taps * (2 * filters + 1))
    if positions >= 1:
        return positions, filters
    few = (available // taps - 1) // 2
    if few < 1:
        needed = math.ceil(3 * taps * 8 / 7) + 8
        raise ValueError(
            f"`max_scratch_bytes` must be at least {needed} for adder layer '{name}', which sums "
            f"{taps} distances for an output. Received: max_scratch_bytes={bound}."
        )
    return 1, few


def _spans(length: int, most: int) -> list[tuple[int, int]]:
    """`range(length)` in parts of nearly equal size, none above `most`."""
    parts = math.ceil(length / most)
    size = math.ceil(length / parts)
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _patches(
    writer: Writer, value: Value, window: _Window, channels: tuple[int, int], depth: int
) -> Iterator[Value]:
    """Blocks of patches, `(1, positions, taps / depth, depth)`, in the order of the outputs."""
    taps = window.size[0] * window.size[1] * (channels[1] - channels[0])
    height, width = window.outputs
    # The slices and their concatenation are held together: twice the patches.
    positions = max(writer.max_scratch_bytes // (8 * taps), 1)
    row_spans = _spans(height, max(positions // width, 1))
    column_spans = _spans(width, min(positions, width))
    for rows in row_spans:
        for columns in column_spans:
            slices = []
            for row in range(window.size[0]):
                for column in range(window.size[1]):
                    begin, end = [0], [1]
                    for axis, (first, last), tap in ((0, rows, row), (1, columns, column)):
                        origin = tap * window.dilation[axis]
                        begin.append(first * window.strides[axis] + origin)
                        end.append((last - 1) * window.strides[axis] + origin + 1)
                    slices.append(
                        writer.slice(
                            value,
                            [*begin, channels[0]],
                            [*end, channels[1]],
                            [1, *window.strides, 1],
                        )
                    )
            joined = writer.concatenate(slices, 3)
            count = joined.shape[1] * joined.shape[2]
            yield writer.reshape(joined, (1, count, taps // depth, depth))


def _pieces(writer: Writer, patches: Value, positions: int) -> Iterator[Value]:
    _, count, taps, width = patches.shape
    for start, stop in _spans(count, positions):
        yield writer.slice(patches, [0, start, 0, 0], [1, stop, taps, width], [1, 1, 1, 1])


def _kernel_constant(writer: Writer, name: str, data: np.ndarray, numbers: _Numbers) -> Value:
    index = writer.flat.constant(f"{name}/kernel", data, numbers.kernel)
    return Value(index, data.shape, numbers.kernel)


def _distance(writer: Writer, patches: Value, kernel: Value, numbers: _Numbers) -> Value:
    """The sum over the taps of |patch - kernel|, `(1, positions, filters)`."""
    shape = (1, patches.shape[1], patches.shape[2], max(patches.shape[3], kernel.shape[3]))
    difference = writer.new("difference", shape, numbers.difference)
    writer.operator("SUB", [patches, kernel], difference)
    absolute = writer.new("absolute", shape, numbers.absolute)
    writer.operator("ABS", [difference], absolute)
    total = writer.new("distance", (1, shape[1], shape[3]), numbers.total)
    return writer.operator("SUM", [absolute, writer.flat.integers([2])], total, keepDims=False)
