"""The .tflite model under construction, as the steps see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_shiftadd.export._model.calibration import Range
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._quantization import Quantization, constant_quantization
from keras_shiftadd.export._tflite.flatbuffer import FlatModel

# tflite-micro's CONCATENATION takes no more inputs than this.
_MOST_CONCATENATED = 10


@dataclass(frozen=True)
class Value:
    """An int8 tensor of the file: its index, its shape with the batch of 1, its numbers."""

    index: int
    shape: tuple[int, ...]
    quantization: Quantization


class Writer:
    """Adds operators to a file, and knows the tensor of every node written so far.

    Args:
        ranges: The range of every node's output.
        max_scratch_bytes: Bound on what an adder layer holds at a time.
    """

    def __init__(self, ranges: dict[Node, Range], max_scratch_bytes: int) -> None:
        self.flat = FlatModel("keras_shiftadd int8 export")
        self.ranges = ranges
        self.max_scratch_bytes = max_scratch_bytes
        self._values: dict[Node, Value] = {}
        self._reshaped: dict[tuple[int, tuple[int, ...]], Value] = {}

    def get(self, node: Node) -> Value:
        """The tensor of a node, in the node's shape."""
        return self.reshape(self._values[node], (1, *node.shape))

    def image(self, node: Node) -> Value:
        """The tensor of a node as `(1, height, width, channels)`; a sequence has height 1."""
        shape = node.shape if len(node.shape) == 3 else (1, *node.shape)
        return self.reshape(self._values[node], (1, *shape))

    def raw(self, node: Node) -> Value:
        """The tensor of a node in whatever shape it was written."""
        return self._values[node]

    def put(self, node: Node, value: Value) -> None:
        """Says which tensor holds a node's output; its shape may differ in axes of 1."""
        self._values[node] = value

    def output_quantization(self, node: Node, unit: float = 0.0) -> Quantization:
        """The quantisation that holds a node's range, computed in steps of `unit`."""
        measured = self.ranges[node]
        return Quantization.from_range(measured.low.min(), measured.high.max()).fit(unit)

    def new(self, name: str, shape: Sequence[int], quantization: Quantization) -> Value:
        """A tensor that an operator will compute."""
        index = self.flat.tensor(name, shape, quantization)
        return Value(index, tuple(int(size) for size in shape), quantization)

    def constant(self, name: str, data: np.ndarray) -> Value:
        """A constant with one scale."""
        quantization = constant_quantization(data)
        return Value(self.flat.constant(name, data, quantization), data.shape, quantization)

    def operator(
        self, code: str, inputs: Sequence[Value | int], output: Value, **options: Any
    ) -> Value:
        """Adds an operator; returns its output."""
        indices = [item.index if isinstance(item, Value) else item for item in inputs]
        self.flat.operator(code, indices, output.index, **options)
        return output

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """The same numbers in another shape."""
        shape = tuple(int(size) for size in shape)
        if value.shape == shape:
            return value
        key = value.index, shape
        if key not in self._reshaped:
            output = self.new("reshape", shape, value.quantization)
            arguments: list[Value | int] = [value, self.flat.integers(shape)]
            self.operator("RESHAPE", arguments, output, newShape=np.asarray(shape, np.int32))
            self._reshaped[key] = output
        return self._reshaped[key]

    def requantize(self, value: Value, quantization: Quantization) -> Value:
        """The same tensor in another quantisation."""
        if value.quantization == quantization:
            return value
        output = self.new("requantize", value.shape, quantization)
        return self.operator("QUANTIZE", [value], output)

    def pad(self, value: Value, pads: Sequence[tuple[int, int]]) -> Value:
        """Zeros around a tensor."""
        if not any(before or after for before, after in pads):
            return value
        shape = [
            size + before + after for size, (before, after) in zip(value.shape, pads, strict=True)
        ]
        output = self.new("pad", shape, value.quantization)
        return self.operator("PAD", [value, self.flat.pads(pads)], output)

    def slice(
        self, value: Value, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]
    ) -> Value:
        """A part of a tensor: from `begin` to before `end`, every `strides`-th entry."""
        spans = list(zip(begin, end, strides, strict=True))
        shape = tuple(-(-(last - first) // step) for first, last, step in spans)
        if shape == value.shape:
            return value
        output = self.new("slice", shape, value.quantization)
        arguments = [self.flat.integers(item) for item in (begin, end, strides)]
        return self.operator("STRIDED_SLICE", [value, *arguments], output)

    def concatenate(self, values: Sequence[Value], axis: int) -> Value:
        """Tensors of one quantisation, joined along an axis; in stages where there are many."""
        values = list(values)
        while len(values) > 1:
            groups = [
                values[start : start + _MOST_CONCATENATED]
                for start in range(0, len(values), _MOST_CONCATENATED)
            ]
            values = [self._concatenate_few(group, axis) for group in groups]
        return values[0]

    def _concatenate_few(self, values: Sequence[Value], axis: int) -> Value:
        if len(values) == 1:
            return values[0]
        shape = list(values[0].shape)
        shape[axis] = sum(value.shape[axis] for value in values)
        output = self.new("concatenate", shape, values[0].quantization)
        return self.operator("CONCATENATION", values, output, axis=axis)
