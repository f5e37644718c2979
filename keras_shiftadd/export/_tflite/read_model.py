"""Reads a .tflite file as an int8 network."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from keras_shiftadd.export._imports import litert_schema
from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import (
    Add,
    Concatenate,
    Lookup,
    Mean,
    Multiply,
    Operator,
    Pad,
    Pair,
    Pooling,
    Reshape,
    Softmax,
)
from keras_shiftadd.export._integer.softmax import softmax_arguments
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.constants import (
    activation,
    axes,
    constant,
    option,
    padding,
    pair,
    refuse,
)
from keras_shiftadd.export._tflite.custom_options import CONVOLUTIONS, LOOKUP
from keras_shiftadd.export._tflite.file_graph import FileOperator
from keras_shiftadd.export._tflite.geometry import NO_PADS, same_pads
from keras_shiftadd.export._tflite.model_file import parse_model
from keras_shiftadd.export._tflite.network_tensors import NetworkTensors, Record, read_record
from keras_shiftadd.export._tflite.read_convolution import (
    Place,
    read_builtin_convolution,
    read_custom_convolution,
    read_fully_connected,
)
from keras_shiftadd.export._tflite.read_matrices import (
    has_constant,
    read_add_constant,
    read_matmul,
    read_repeat,
    read_transpose,
)

# What hostile contents raise on their way.
_DAMAGE = (ArithmeticError, AttributeError, IndexError, KeyError, RecursionError, TypeError)
_LONGEST_FUNCTION = 32


def read_model(content: bytes, name: str) -> IntegerModel:
    """The int8 network in a .tflite file; one that `write_model` wrote is read as it was.

    Args:
        content: The file.
        name: What messages call it.

    Raises:
        ValueError: If it is no .tflite file, is damaged, or has an operator or a use of one that
            an int8 network does not have.
    """
    parsed = parse_model(content, name)
    try:
        model = _Reader(parsed).read()
        check(model)
    except ValueError as error:
        raise ValueError(
            "The .tflite file at `path` must be an int8 network as docs/tflite_custom_ops.md "
            f"describes it. Received: path={name!r}, with {error}"
        ) from error
    except _DAMAGE as error:
        raise ValueError(
            "The .tflite file at `path` is damaged: its parts do not fit together "
            f"({type(error).__name__}: {error}). Received: path={name!r}."
        ) from error
    return model


class _Reader:
    def __init__(self, parsed: Any) -> None:
        if len(parsed.subgraphs) != 1:
            raise ValueError(f"{len(parsed.subgraphs)} subgraphs; it must be one.")
        self._record: Record | None = read_record(parsed)
        self._graph = parsed.subgraphs[0]
        self._tensors = NetworkTensors(parsed, self._graph, litert_schema(), self._record)
        self._pads: dict[int, tuple[int, tuple[Pair, Pair]]] = {}

    def read(self) -> IntegerModel:
        """The network."""
        made: list[Operator] = []
        for number, operator in enumerate(self._tensors.operators):
            if len(operator.output_indices) != 1 or not operator.input_indices:
                raise refuse(operator, "it must have inputs and one output", "another number")
            if self._tensors.is_alias(operator):
                continue
            if self._record is not None and self._record.operators[number] is None:
                self._remember_pad(operator)
                continue
            made.append(self._read(operator, number))
        ends = self._tensors.ends()
        name = self._tensors.graph_name
        return IntegerModel(name, self._tensors.network(), tuple(made), *ends)

    def _read(self, operator: FileOperator, number: int) -> Operator:
        if operator.name.removeprefix("CUSTOM:") in CONVOLUTIONS:
            return read_custom_convolution(operator, self._place(operator, number, 1))
        reader = self._readers.get(operator.name)
        if reader is None:
            known = ", ".join(sorted(self._readers))
            raise refuse(operator, f"operators must be among {known}", f"operator {number}")
        return reader(self, operator, number)

    def _remember_pad(self, operator: FileOperator) -> None:
        """Takes a PAD that belongs to the convolution behind it."""
        if operator.name != "PAD":
            raise refuse(operator, "only PAD and RESHAPE may prepare others", operator.name)
        self._pads[operator.output_indices[0]] = (operator.input_indices[0], _pads(operator))

    def _place(self, operator: FileOperator, number: int, inputs: int) -> Place:
        """Where an operator stands, with so many inputs that are computed."""
        indices = operator.input_indices[:inputs]
        sources = tuple(self._tensors.position(index) for index in indices)
        output = self._tensors.position(operator.output_indices[0])
        named = None if self._record is None else self._record.operators[number]
        result = self._tensors.tensor(output)
        return Place(
            result.name if named is None else named,
            sources,
            output,
            tuple(self._tensors.tensor(position) for position in sources),
            result,
        )

    def _convolution(self, operator: FileOperator, number: int) -> Operator:
        source, pads = operator.input_indices[0], None
        if source in self._pads:
            source, pads = self._pads[source]
        moved = FileOperator(
            operator.name,
            operator.inputs,
            operator.outputs,
            operator.options,
            (source,),
            operator.output_indices,
        )
        return read_builtin_convolution(moved, self._place(moved, number, 1), pads)

    def _fully_connected(self, operator: FileOperator, number: int) -> Operator:
        return read_fully_connected(operator, self._place(operator, number, 1))

    def _pooling(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        size = pair(operator, "filterHeight", "filterWidth")
        strides = pair(operator, "strideH", "strideW")
        if min(*size, *strides) < 1:
            raise refuse(operator, "sizes and strides must be 1 or more", f"{size}, {strides}")
        pads = NO_PADS
        if padding(operator) == "same":
            pads = same_pads(place.sources[0].shape, size, strides)
        limits = derived_integers.activation_limits(place.result.quantization, activation(operator))
        kind: Any = "max" if operator.name == "MAX_POOL_2D" else "average"
        source = (place.inputs[0],)
        return Pooling(place.name, kind, source, place.output, size, strides, pads, *limits)

    def _mean(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        source = place.sources[0]
        if len(source.shape) != 3 or axes(operator, 1, 4) != [1, 2]:
            raise refuse(operator, "it must be that of rows and columns", f"{source.shape}")
        count = source.shape[0] * source.shape[1]
        numbers = derived_integers.mean(source.quantization, place.result.quantization, count)
        return Mean(place.name, (place.inputs[0],), place.output, numbers)

    def _add(self, operator: FileOperator, number: int) -> Operator:
        if has_constant(operator):
            return read_add_constant(operator, self._place(operator, number, 1))
        place = self._place(operator, number, 2)
        first, second = (source.quantization for source in place.sources)
        numbers = derived_integers.add(
            first, second, place.result.quantization, activation(operator)
        )
        return Add(
            place.name,
            (place.inputs[0], place.inputs[1]),
            place.output,
            numbers.left_shift,
            numbers.input_multipliers,
            numbers.input_shifts,
            numbers.requantization,
            operator.name == "SUB",
        )

    def _multiply(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 2)
        first, second = (source.quantization for source in place.sources)
        numbers = derived_integers.multiply(
            first, second, place.result.quantization, activation(operator)
        )
        inputs = (place.inputs[0], place.inputs[1])
        return Multiply(place.name, inputs, place.output, numbers)

    def _derived_lookup(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        function = "requantize" if operator.name == "QUANTIZE" else "relu"
        table = derived_integers.requantize_table(
            place.sources[0].quantization, place.result.quantization, function
        )
        return Lookup(place.name, function, (place.inputs[0],), place.output, table)

    def _lookup(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        table = constant(operator, 1, "INT8", (256,))
        function = operator.custom_options.decode("ascii")
        if not 0 < len(function) <= _LONGEST_FUNCTION or not function.isidentifier():
            raise refuse(operator, "its options must be the name of a function", f"{function!r}")
        return Lookup(place.name, function, (place.inputs[0],), place.output, table)

    def _softmax(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        beta = float(getattr(operator.options, "beta", 1.0))
        if not 0.0 < beta < 1e6:
            raise refuse(operator, "its beta must be positive", f"{beta}")
        numbers = softmax_arguments(place.sources[0].quantization.scale, beta)
        return Softmax(place.name, (place.inputs[0],), place.output, *numbers, beta)

    def _matmul(self, operator: FileOperator, number: int) -> Operator:
        return read_matmul(operator, self._place(operator, number, 2))

    def _transpose(self, operator: FileOperator, number: int) -> Operator:
        return read_transpose(operator, self._place(operator, number, 1))

    def _repeat(self, operator: FileOperator, number: int) -> Operator:
        return read_repeat(operator, self._place(operator, number, 1))

    def _reshape(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        return Reshape(place.name, (place.inputs[0],), place.output)

    def _pad(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, 1)
        return Pad(place.name, (place.inputs[0],), place.output, _pads(operator))

    def _concatenate(self, operator: FileOperator, number: int) -> Operator:
        place = self._place(operator, number, len(operator.input_indices))
        rank = len(operator.outputs[0].shape)
        if option(operator, "axis") % max(rank, 1) != rank - 1 or activation(operator) != "linear":
            raise refuse(operator, "it must join the last axis", f"{operator.options}")
        return Concatenate(place.name, place.inputs, place.output)

    _readers: ClassVar[dict[str, Callable[["_Reader", FileOperator, int], Operator]]] = {
        f"CUSTOM:{LOOKUP}": _lookup,
        "CONV_2D": _convolution,
        "DEPTHWISE_CONV_2D": _convolution,
        "FULLY_CONNECTED": _fully_connected,
        "MAX_POOL_2D": _pooling,
        "AVERAGE_POOL_2D": _pooling,
        "MEAN": _mean,
        "ADD": _add,
        "SUB": _add,
        "MUL": _multiply,
        "BATCH_MATMUL": _matmul,
        "TRANSPOSE": _transpose,
        "BROADCAST_TO": _repeat,
        "QUANTIZE": _derived_lookup,
        "RELU": _derived_lookup,
        "SOFTMAX": _softmax,
        "RESHAPE": _reshape,
        "PAD": _pad,
        "CONCATENATION": _concatenate,
    }


def _pads(operator: FileOperator) -> tuple[Pair, Pair]:
    """Rows and columns that a PAD adds.

    Raises:
        ValueError: If it adds samples or channels.
    """
    values = constant(operator, 1, "INT32", (4, 2))
    if np.any(values[[0, 3]]) or np.any(values < 0):
        raise refuse(operator, "it must add rows and columns", f"{values.tolist()}")
    return (int(values[1, 0]), int(values[1, 1])), (int(values[2, 0]), int(values[2, 1]))
