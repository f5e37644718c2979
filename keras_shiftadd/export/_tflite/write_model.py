"""Writes an int8 network as a .tflite file, without a change to one of its integers."""

import json
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Concatenate,
    Convolution,
    Lookup,
    MatMul,
    Mean,
    Multiply,
    Operator,
    Pad,
    Pooling,
    Repeat,
    Requantization,
    Reshape,
    Softmax,
    Transpose,
)
from keras_shiftadd.export._integer.softmax import OUTPUT, softmax_arguments
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.custom_options import LOOKUP
from keras_shiftadd.export._tflite.flatbuffer import FlatModel
from keras_shiftadd.export._tflite.geometry import padding_name
from keras_shiftadd.export._tflite.network_tensors import METADATA
from keras_shiftadd.export._tflite.write_convolution import write_convolution

# Functions of one number whose tables the runtimes make themselves.
_TABLES = {"requantize": "QUANTIZE", "relu": "RELU"}
_MOST_CONCATENATED = 10  # by tflite-micro


def write_model(
    model: IntegerModel,
    input_shape: tuple[int, ...] | None = None,
    output_shape: tuple[int, ...] | None = None,
) -> bytes:
    """The bytes of a .tflite file that computes what the network does, bit for bit.

    Operators are builtin where the integers that the runtimes derive from the scales of the file
    are those of the network; convolutions and functions of one number are custom operators
    elsewhere (docs/tflite_custom_ops.md).

    Args:
        model: The network.
        input_shape: Shape of a sample as the file takes it; by default that of the input.
        output_shape: Shape of a result as the file gives it; by default that of the output.

    Raises:
        ValueError: If the model is not one, or the format cannot express an operator.
    """
    check(model)
    writer = _Writer(model)
    first, last = model.input, model.output
    source = writer.indices[first]
    if input_shape is not None and input_shape != model.tensors[first].shape:
        quantization = model.tensors[first].quantization
        source = writer.flat.tensor("file_input", (1, *input_shape), quantization)
        writer.reshape(source, writer.indices[first], model.tensors[first].shape)
    for operator in model.operators:
        writer.write(operator)
    output = writer.indices[last]
    if output_shape is not None and output_shape != model.tensors[last].shape:
        quantization = model.tensors[last].quantization
        output = writer.flat.tensor("file_output", (1, *output_shape), quantization)
        writer.reshape(writer.indices[last], output, output_shape)
    # The first tensors of the file are those of the network, in their order.
    record = {"tensors": len(model.tensors), "operators": writer.names}
    writer.flat.metadata(METADATA, json.dumps(record).encode())
    return writer.flat.serialize([source], [output])


class _Writer:
    """A file under construction.

    Attributes:
        flat: The file.
        indices: The file's index of each tensor of the network.
        names: The name of each operator of the file; None for one that only prepares another.
    """

    def __init__(self, model: IntegerModel) -> None:
        self.flat = FlatModel("keras_shiftadd int8 network", model.name)
        self.indices = [
            self.flat.tensor(tensor.name, (1, *tensor.shape), tensor.quantization)
            for tensor in model.tensors
        ]
        self.names: list[str | None] = []
        self._model = model

    def reshape(self, source: int, output: int, shape: tuple[int, ...]) -> None:
        """Adds a RESHAPE that is none of the network."""
        self.flat.reshape(source, output, (1, *shape))
        self.names.append(None)

    def write(self, operator: Operator) -> None:
        """Adds an operator of the network."""
        if isinstance(operator, Convolution):
            before, after = write_convolution(self.flat, self._model, operator, self.indices)
            self.names += [*[None] * before, operator.name, *[None] * after]
        else:
            self._writers[type(operator)](self, operator)
            self.names.append(operator.name)

    def _builtin(self, code: str, operator: Operator, *constants: int, **options: object) -> None:
        inputs = [*(self.indices[index] for index in operator.inputs), *constants]
        self.flat.operator(code, inputs, self.indices[operator.output], **options)

    def _quantizations(self, operator: Operator) -> list[Quantization]:
        tensors = (*operator.inputs, operator.output)
        return [self._model.tensors[index].quantization for index in tensors]

    def _fused(self, operator: Operator, low: int, high: int) -> str:
        """The fused activation with these limits."""
        output = self._model.tensors[operator.output].quantization
        activation = derived_integers.activation_of(output, low, high)
        if activation is None:
            raise _inexpressible(operator, f"its limits are {low} and {high}")
        return activation

    def _check(self, operator: Operator, derived: Requantization, wanted: Requantization) -> None:
        if not derived_integers.equal(derived, wanted):
            raise _inexpressible(
                operator,
                f"{wanted}, and the scales of its tensors stand for {derived}; quantise with "
                'add_rounding="double"',
            )

    def _pooling(self, operator: Pooling) -> None:
        shape = self._model.tensors[operator.inputs[0]].shape
        padding = padding_name(shape, operator.size, operator.strides, (1, 1), operator.pads)
        if padding is None:
            raise _inexpressible(operator, f"its pads are {operator.pads}")
        activation = self._fused(operator, operator.low, operator.high)
        self._builtin(
            "MAX_POOL_2D" if operator.kind == "max" else "AVERAGE_POOL_2D",
            operator,
            padding=self.flat.padding(padding),
            filterHeight=operator.size[0],
            filterWidth=operator.size[1],
            strideH=operator.strides[0],
            strideW=operator.strides[1],
            fusedActivationFunction=self.flat.fused(activation),
        )

    def _mean(self, operator: Mean) -> None:
        shape = self._model.tensors[operator.inputs[0]].shape
        count = math.prod(shape[:-1])
        source, output = self._quantizations(operator)
        derived = derived_integers.mean(source, output, count)
        self._check(operator, derived, operator.requantization)
        self._builtin("MEAN", operator, self.flat.integers([1, 2]), keepDims=False)

    def _add(self, operator: Add) -> None:
        wanted = operator.requantization
        activation = self._fused(operator, wanted.low, wanted.high)
        first, second, output = self._quantizations(operator)
        self._check_sum(operator, first, second, output, activation)
        code = "SUB" if operator.subtract else "ADD"
        self._builtin(code, operator, fusedActivationFunction=self.flat.fused(activation))

    def _add_constant(self, operator: AddConstant) -> None:
        wanted = operator.requantization
        activation = self._fused(operator, wanted.low, wanted.high)
        first, output = self._quantizations(operator)
        self._check_sum(operator, first, operator.quantization, output, activation)
        values = operator.constant[None]
        constant = self.flat.array(f"{operator.name}/constant", values, operator.quantization)
        fused = self.flat.fused(activation)
        self._builtin("ADD", operator, constant, fusedActivationFunction=fused)

    def _check_sum(
        self,
        operator: Add | AddConstant,
        first: Quantization,
        second: Quantization,
        output: Quantization,
        activation: str,
    ) -> None:
        derived = derived_integers.add(first, second, output, activation)
        self._check(operator, derived.requantization, operator.requantization)
        if not (
            operator.left_shift == derived.left_shift
            and np.array_equal(operator.input_multipliers, derived.input_multipliers)
            and np.array_equal(operator.input_shifts, derived.input_shifts)
        ):
            raise _inexpressible(operator, "its operands are scaled in another way")

    def _multiply(self, operator: Multiply) -> None:
        wanted = operator.requantization
        activation = self._fused(operator, wanted.low, wanted.high)
        scales = self._quantizations(operator)
        derived = derived_integers.multiply(scales[0], scales[1], scales[2], activation)
        self._check(operator, derived, wanted)
        first, second = (self._model.tensors[index] for index in operator.inputs)
        gate = self.indices[operator.inputs[1]]
        if len(second.shape) < len(first.shape):
            # The runtimes take operands of equal rank.
            shape = (1, 1, *second.shape)
            gate = self.flat.tensor(f"{operator.name}/gate", (1, *shape), second.quantization)
            self.reshape(self.indices[operator.inputs[1]], gate, shape)
        self.flat.operator(
            "MUL",
            [self.indices[operator.inputs[0]], gate],
            self.indices[operator.output],
            fusedActivationFunction=self.flat.fused(activation),
        )

    def _lookup(self, operator: Lookup) -> None:
        source, output = self._quantizations(operator)
        code = _TABLES.get(operator.function)
        if code is not None:
            table = derived_integers.requantize_table(source, output, operator.function)
            if np.array_equal(operator.table, table):
                self._builtin(code, operator)
                return
        constant = self.flat.array(f"{operator.name}/table", operator.table)
        inputs = [self.indices[operator.inputs[0]], constant]
        options = operator.function.encode()
        self.flat.custom(LOOKUP, inputs, self.indices[operator.output], options)

    def _softmax(self, operator: Softmax) -> None:
        source, output = self._quantizations(operator)
        wanted = (operator.multiplier, operator.left_shift, operator.least_difference)
        if output != OUTPUT or softmax_arguments(source.scale, operator.beta) != wanted:
            raise _inexpressible(operator, f"{operator}, for an input of scale {source.scale}")
        self._builtin("SOFTMAX", operator, beta=operator.beta)

    def _matmul(self, operator: MatMul) -> None:
        if operator.operator == "adder":
            raise _inexpressible(operator, "distances of matrices; `to_c` writes them")
        first, second, output = self._quantizations(operator)
        derived = derived_integers.fully_connected(first, second.scale, 1, output, "linear")
        self._check(operator, derived, operator.requantization)
        self._builtin("BATCH_MATMUL", operator, adjX=False, adjY=operator.transpose)

    def _transpose(self, operator: Transpose) -> None:
        self._builtin("TRANSPOSE", operator, self.flat.integers([0, 2, 1, 3]))

    def _repeat(self, operator: Repeat) -> None:
        shape = (1, *self._model.tensors[operator.output].shape)
        self._builtin("BROADCAST_TO", operator, self.flat.integers(shape))

    def _reshape_operator(self, operator: Reshape) -> None:
        output = self._model.tensors[operator.output]
        source = self.indices[operator.inputs[0]]
        self.flat.reshape(source, self.indices[operator.output], (1, *output.shape))

    def _pad(self, operator: Pad) -> None:
        self._builtin("PAD", operator, self.flat.pads([(0, 0), *operator.pads, (0, 0)]))

    def _concatenate(self, operator: Concatenate) -> None:
        if len(operator.inputs) > _MOST_CONCATENATED:
            raise _inexpressible(
                operator,
                f"it joins {len(operator.inputs)} tensors, and tflite-micro at most "
                f"{_MOST_CONCATENATED}",
            )
        rank = len(self._model.tensors[operator.output].shape)
        self._builtin("CONCATENATION", operator, axis=rank)

    _writers: ClassVar[dict[type, Callable[..., None]]] = {
        Pooling: _pooling,
        Mean: _mean,
        Add: _add,
        AddConstant: _add_constant,
        MatMul: _matmul,
        Transpose: _transpose,
        Repeat: _repeat,
        Multiply: _multiply,
        Lookup: _lookup,
        Softmax: _softmax,
        Reshape: _reshape_operator,
        Pad: _pad,
        Concatenate: _concatenate,
    }


def _inexpressible(operator: Operator, received: str) -> ValueError:
    return ValueError(
        "An operator of a .tflite file must be one that the format can express bit for bit. "
        f"Received: {type(operator).__name__} '{operator.name}': {received}."
    )
