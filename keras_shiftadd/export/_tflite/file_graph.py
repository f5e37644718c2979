"""The operators of one subgraph of a .tflite file."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

_NUMPY_TYPES = {
    "FLOAT32": "<f4",
    "INT8": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
}
QUANTIZED_TYPES = ("INT4", "INT8", "UINT8", "INT16")


@dataclass(frozen=True)
class FileTensor:
    """A tensor: its shape, the name of its type, its scales, its data where it is a constant.

    The data has one axis.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    data: np.ndarray | None

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def per_channel(self) -> bool:
        """Whether it is a constant with one number, or one for each entry of the last axis."""
        return self.data is not None and self.size == (self.shape[-1] if self.shape else 1)


@dataclass(frozen=True)
class FileOperator:
    """An operator: its name, its tensors and its options; those of a custom one are bytes."""

    name: str
    inputs: tuple[FileTensor | None, ...]
    outputs: tuple[FileTensor, ...]
    options: Any
    input_indices: tuple[int, ...]
    output_indices: tuple[int, ...]
    custom_options: bytes = b""

    @property
    def output_size(self) -> int:
        """Number of entries of the first output."""
        return self.outputs[0].size if self.outputs else 0

    @property
    def quantized(self) -> bool:
        """Whether the first output holds quantised integers."""
        output = self.outputs[0] if self.outputs else None
        return output is not None and output.dtype in QUANTIZED_TYPES and bool(output.scales)

    def given(self, index: int) -> FileTensor:
        """An input that the operator must have.

        Raises:
            IndexError: If it is missing.
        """
        tensor = self.inputs[index]
        if tensor is None:
            raise IndexError(f"{self.name} without input {index}")
        return tensor


def read_operators(model: Any, graph: Any, schema: Any) -> list[FileOperator]:
    """The operators of a subgraph, in order of execution."""
    tensors = read_tensors(model, graph, schema)
    operators = []
    for item in graph.operators or []:
        inputs, outputs = _list(item.inputs), _list(item.outputs)
        operators.append(
            FileOperator(
                operator_name(model.operatorCodes[item.opcodeIndex], schema),
                tuple(tensors[index] if index >= 0 else None for index in inputs),
                tuple(tensors[index] for index in outputs),
                item.builtinOptions,
                tuple(inputs),
                tuple(outputs),
                b"" if item.customOptions is None else bytes(bytearray(item.customOptions)),
            )
        )
    return operators


def read_tensors(model: Any, graph: Any, schema: Any) -> list[FileTensor]:
    """The tensors of a subgraph."""
    type_names = {value: name for name, value in vars(schema.TensorType).items()}
    computed = {
        int(index) for item in graph.operators or [] for index in _list(item.outputs)
    } | set(_list(graph.inputs))
    return [
        _read_tensor(model, tensor, type_names, index in computed)
        for index, tensor in enumerate(graph.tensors or [])
    ]


def operator_name(code: Any, schema: Any) -> str:
    """The builtin operator's name; for a custom one, the name that the file gives it."""
    names = {value: name for name, value in vars(schema.BuiltinOperator).items()}
    # Files of older writers have the code in the one-byte field only.
    name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
    if name == "CUSTOM":
        return f"CUSTOM:{text(code.customCode)}"
    return name


def _read_tensor(model: Any, tensor: Any, type_names: dict[int, str], computed: bool) -> FileTensor:
    dtype = type_names.get(tensor.type, "UNKNOWN")
    shape = tuple(_list(tensor.shape))
    parameters = tensor.quantization
    scales = () if parameters is None else tuple(_floats(parameters.scale))
    zero_points = () if parameters is None else tuple(_list(parameters.zeroPoint))
    raw = model.buffers[tensor.buffer].data
    data = None
    # A buffer outside the flatbuffer proper, for files above 2 GB, is a constant all the same.
    if (
        not computed
        and not tensor.isVariable
        and ((raw is not None and len(raw)) or model.buffers[tensor.buffer].offset > 1)
    ):
        data = np.asarray(raw if raw is not None else [], np.uint8)
        if dtype in _NUMPY_TYPES and len(data) % np.dtype(_NUMPY_TYPES[dtype]).itemsize == 0:
            data = np.frombuffer(data.tobytes(), _NUMPY_TYPES[dtype])
    return FileTensor(text(tensor.name), shape, dtype, scales, zero_points, data)


def text(value: Any) -> str:
    """A string of the file, which may lack it."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _list(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _floats(values: Any) -> list[float]:
    return [] if values is None else [float(value) for value in values]
