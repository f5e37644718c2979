"""Reads a .tflite file, whoever wrote it."""

import os
import struct
from pathlib import Path
from typing import Any

from keras_shiftadd.export._imports import litert_schema
from keras_shiftadd.export._tflite.custom_options import PREFIX

_IDENTIFIER = b"TFL3"
# What generated readers raise where offsets lead out of the file or make no sense.
_DAMAGE = (
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    struct.error,
)


def read_model_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a .tflite file, checked to be one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If `path` is no file, or its content is not a whole .tflite model.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"There is no file at `path`. Received: path={str(file)!r}.")
    if not file.is_file():
        raise ValueError(
            f"`path` must name a .tflite file. Received: path={str(file)!r}, a folder."
        )
    content = file.read_bytes()
    parse_model(content, str(file))
    return content


def has_custom_operators(content: bytes, name: str) -> bool:
    """Whether a file has custom operators of this package."""
    codes = parse_model(content, name).operatorCodes or []
    return any((code.customCode or b"").startswith(PREFIX.encode()) for code in codes)


def parse_model(content: bytes, name: str) -> Any:
    """The model in the format's own classes (`ModelT`).

    Raises:
        ValueError: If the content is not a whole .tflite model.
    """
    schema = litert_schema()
    if len(content) < 8 or content[4:8] != _IDENTIFIER:
        raise ValueError(
            f"`path` must name a .tflite file. Received: path={name!r}, whose content is not "
            "in that format."
        )
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
        _check_references(model, len(content))
    except _DAMAGE as error:
        raise ValueError(
            "The .tflite file at `path` is damaged: it ends early, or its parts do not fit "
            f"together ({type(error).__name__}: {error}). Received: path={name!r}."
        ) from error
    return model


def _check_references(model: Any, size: int) -> None:
    """Raises IndexError where a part of the model names a part that is not there."""
    if not model.subgraphs:
        raise IndexError("no subgraphs")
    for buffer in model.buffers or []:
        if buffer.offset > 1 and buffer.offset + buffer.size > size:
            raise IndexError("a buffer lies outside the file")
    for graph in model.subgraphs:
        tensors = len(graph.tensors or [])
        for tensor in graph.tensors or []:
            _check_index(tensor.buffer, len(model.buffers or []), "buffer")
        for operator in graph.operators or []:
            _check_index(operator.opcodeIndex, len(model.operatorCodes or []), "operator code")
            for index in _indices(operator.inputs):
                # -1 stands for an optional input that is left out.
                _check_index(max(index, 0), tensors, "tensor")
            for index in _indices(operator.outputs):
                _check_index(index, tensors, "tensor")
        for index in (*_indices(graph.inputs), *_indices(graph.outputs)):
            _check_index(index, tensors, "tensor")


def _indices(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _check_index(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise IndexError(f"{what} {index} of {count}")
