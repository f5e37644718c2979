"""Writes a .tflite file: tensors, operators in order of execution, buffers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_shiftadd.export._imports import litert_schema, require
from keras_shiftadd.export._quantization import Quantization

# Operator versions that stand for "int8" in the format.
_VERSIONS = {
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "RESHAPE": 1,
    "ELU": 1,
    "HARD_SWISH": 1,
}
_INT8_VERSION = 2
_ALIGNMENT = 16
_CUSTOM = "CUSTOM:"

_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "ABS": "AbsOptions",
    "SUM": "ReducerOptions",
    "MEAN": "ReducerOptions",
    "CONCATENATION": "ConcatenationOptions",
    "RESHAPE": "ReshapeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "PAD": "PadOptions",
    "TRANSPOSE": "TransposeOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "BROADCAST_TO": "BroadcastToOptions",
    "SOFTMAX": "SoftmaxOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "HARD_SWISH": "HardSwishOptions",
    "QUANTIZE": "QuantizeOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
}


class FlatModel:
    """A model under construction: one subgraph, one input, one output.

    Operators run in the order in which they are added; both runtimes plan their memory by that
    order.
    """

    def __init__(self, description: str, name: str = "main") -> None:
        self._schema = litert_schema()
        self._description = description
        self._name = name
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        # Buffer 0 is empty by convention: the buffer of tensors that are computed.
        self._buffers: list[Any] = [self._schema.BufferT()]
        self._codes: dict[str, int] = {}
        self._shared: dict[tuple[int, ...], int] = {}
        self._metadata: list[Any] = []
        self._names: set[str] = set()

    def tensor(self, name: str, shape: Sequence[int], quantization: Quantization) -> int:
        """Adds an int8 tensor that an operator computes; returns its index."""
        return self._add_tensor(name, shape, "INT8", 0, self._parameters(quantization))

    def constant(self, name: str, data: np.ndarray, quantization: Quantization) -> int:
        """Adds a constant, given in float, quantised with one scale."""
        integers = quantization.quantize(data)
        return self._add_tensor(
            name, data.shape, "INT8", self._add_buffer(integers), self._parameters(quantization)
        )

    def kernel(self, name: str, integers: np.ndarray, scales: np.ndarray, axis: int) -> int:
        """Adds an int8 kernel with a scale for each output channel along `axis`."""
        return self._add_tensor(
            name,
            integers.shape,
            "INT8",
            self._add_buffer(integers),
            self._channel_parameters(scales, axis),
        )

    def bias(self, name: str, integers: np.ndarray, scales: np.ndarray) -> int:
        """Adds an int32 bias with a scale for each channel."""
        return self._add_tensor(
            name,
            integers.shape,
            "INT32",
            self._add_buffer(integers),
            self._channel_parameters(scales, 0),
        )

    def array(
        self, name: str, integers: np.ndarray, quantization: Quantization | None = None
    ) -> int:
        """Adds a constant of the integers themselves: int8, uint8 or int32."""
        parameters = None if quantization is None else self._parameters(quantization)
        dtype = integers.dtype.name.upper()
        buffer = self._add_buffer(integers)
        return self._add_tensor(name, integers.shape, dtype, buffer, parameters)

    def codes(self, name: str, codes: np.ndarray, scales: np.ndarray) -> int:
        """Adds the packed kernel of a shift convolution with a scale for each filter."""
        parameters = self._channel_parameters(scales, 0)
        return self._add_tensor(name, codes.shape, "UINT8", self._add_buffer(codes), parameters)

    def integers(self, values: Sequence[int]) -> int:
        """Adds an int32 vector, an operator's argument such as axes or a shape."""
        key = tuple(int(value) for value in values)
        if key not in self._shared:
            data = np.asarray(key, np.int32)
            buffer = self._add_buffer(data)
            self._shared[key] = self._add_tensor("integers", data.shape, "INT32", buffer, None)
        return self._shared[key]

    def pads(self, pads: Sequence[tuple[int, int]]) -> int:
        """Adds the int32 matrix of paddings before and after each axis."""
        data = np.asarray(pads, np.int32)
        return self._add_tensor("paddings", data.shape, "INT32", self._add_buffer(data), None)

    def operator(self, code: str, inputs: Sequence[int], output: int, **options: Any) -> None:
        """Adds an operator.

        Args:
            code: Name of the builtin operator, such as `"CONV_2D"`.
            inputs: Indices of its input tensors.
            output: Index of its output tensor.
            **options: Fields of the operator's options table.
        """
        operator = self._schema.OperatorT()
        operator.opcodeIndex = self._codes.setdefault(code, len(self._codes))
        operator.inputs = np.asarray(inputs, np.int32)
        operator.outputs = np.asarray([output], np.int32)
        if code in _OPTIONS:
            table = getattr(self._schema, f"{_OPTIONS[code]}T")()
            for name, value in options.items():
                setattr(table, name, value)
            operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, _OPTIONS[code])
            operator.builtinOptions = table
        self._operators.append(operator)

    def reshape(self, source: int, output: int, shape: Sequence[int]) -> None:
        """Adds a RESHAPE to a shape, the batch included."""
        new_shape = np.asarray(shape, np.int32)
        self.operator("RESHAPE", [source, self.integers(shape)], output, newShape=new_shape)

    def custom(self, name: str, inputs: Sequence[int], output: int, options: bytes) -> None:
        """Adds a custom operator.

        Args:
            name: Under which a runtime knows it.
            inputs: Indices of its input tensors.
            output: Index of its output tensor.
            options: What else it needs to know.
        """
        self.operator(f"{_CUSTOM}{name}", inputs, output)
        self._operators[-1].customOptions = np.frombuffer(options, np.uint8)

    def metadata(self, name: str, content: bytes) -> None:
        """Adds bytes that no runtime reads."""
        entry = self._schema.MetadataT()
        entry.name = name
        entry.buffer = self._add_buffer(np.frombuffer(content, np.uint8))
        self._metadata.append(entry)

    def fused(self, activation: str) -> int:
        """The format's number of a fused activation: "linear", "relu" or "relu6"."""
        name = {"linear": "NONE", "relu": "RELU", "relu6": "RELU6"}[activation]
        return int(getattr(self._schema.ActivationFunctionType, name))

    def padding(self, padding: str) -> int:
        """The format's number of "same" or "valid"."""
        return int(getattr(self._schema.Padding, padding.upper()))

    def serialize(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """Returns the content of the file."""
        schema = self._schema
        graph = schema.SubGraphT()
        graph.name = self._name
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs = np.asarray(inputs, np.int32)
        graph.outputs = np.asarray(outputs, np.int32)
        model = schema.ModelT()
        model.version = 3
        model.description = self._description
        model.subgraphs, model.buffers = [graph], self._buffers
        model.operatorCodes = [self._operator_code(name) for name in self._codes]
        if self._metadata:
            model.metadata = self._metadata
        builder = _aligned_builder()
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _operator_code(self, name: str) -> Any:
        code = self._schema.OperatorCodeT()
        custom = name.startswith(_CUSTOM)
        code.builtinCode = getattr(self._schema.BuiltinOperator, "CUSTOM" if custom else name)
        # Old readers look at the one-byte field, where 127 says "see the other field".
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = 1 if custom else _VERSIONS.get(name, _INT8_VERSION)
        if custom:
            code.customCode = name.removeprefix(_CUSTOM)
        return code

    def _add_tensor(
        self, name: str, shape: Sequence[int], dtype: str, buffer: int, parameters: Any
    ) -> int:
        tensor = self._schema.TensorT()
        # A name that is taken is made another one by its number.
        tensor.name = f"{name}:{len(self._tensors)}" if name in self._names else name
        self._names.add(tensor.name)
        tensor.shape = np.asarray(shape, np.int32)
        tensor.type = getattr(self._schema.TensorType, dtype)
        tensor.buffer = buffer
        tensor.quantization = parameters
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def _add_buffer(self, data: np.ndarray) -> int:
        buffer = self._schema.BufferT()
        little = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("<"))
        buffer.data = np.frombuffer(little.tobytes(), np.uint8)
        self._buffers.append(buffer)
        return len(self._buffers) - 1

    def _parameters(self, quantization: Quantization) -> Any:
        parameters = self._schema.QuantizationParametersT()
        parameters.scale = np.asarray([quantization.scale], np.float32)
        parameters.zeroPoint = np.asarray([quantization.zero_point], np.int64)
        return parameters

    def _channel_parameters(self, scales: np.ndarray, axis: int) -> Any:
        parameters = self._schema.QuantizationParametersT()
        parameters.scale = np.asarray(scales, np.float32)
        parameters.zeroPoint = np.zeros(len(scales), np.int64)
        parameters.quantizedDimension = axis
        return parameters


def _aligned_builder() -> Any:
    """A flatbuffers builder that places vectors where 16-byte loads are allowed."""
    flatbuffers = require("flatbuffers", "flatbuffers", 'pip install "keras-shiftadd[export]"')

    class AlignedBuilder(flatbuffers.Builder):  # type: ignore[name-defined]
        def CreateNumpyVector(self, x: np.ndarray) -> int:
            # Padded here, the vector needs no further padding in the base class.
            self.Prep(_ALIGNMENT, x.nbytes)
            return int(super().CreateNumpyVector(x))

    return AlignedBuilder(1024)
