"""Constants and options of a file's operators, checked to be what an operator needs."""

import math
from typing import Any

import numpy as np

from keras_shiftadd.export._tflite.file_graph import FileOperator, FileTensor

_TYPES = {"INT8": np.int8, "UINT8": np.uint8, "INT32": np.int32}
_PADDINGS = ("same", "valid")
_ACTIVATIONS = {0: "linear", 1: "relu", 3: "relu6"}


def refuse(operator: FileOperator, rule: str, received: str) -> ValueError:
    """An error that names the operator, what it must be, and what it is."""
    return ValueError(f"{operator.name}: {rule}. Received: {received}.")


def constant(
    operator: FileOperator, index: int, dtype: str, shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """An input that is a constant of a type, in its shape.

    Raises:
        ValueError: If it is not.
    """
    tensor = operator.given(index)
    wanted = tensor.shape if shape is None else shape
    if (
        tensor.dtype != dtype
        or tensor.data is None
        or tensor.shape != wanted
        or tensor.data.size != math.prod(wanted)
        or min(wanted, default=1) < 1
    ):
        size = "nothing" if tensor.data is None else f"{tensor.data.size} numbers"
        raise refuse(
            operator,
            f"input {index} must be a constant of {dtype.lower()} and shape {wanted}",
            f"{tensor.dtype.lower()}, shape {tensor.shape}, {size}",
        )
    return np.array(tensor.data, _TYPES[dtype]).reshape(wanted)


def kernel_scales(operator: FileOperator, tensor: FileTensor, filters: int) -> np.ndarray:
    """The scales of a kernel without a zero point: one, or one for each filter.

    Raises:
        ValueError: If there is another number of them, or they are not positive.
    """
    scales = np.array(tensor.scales, np.float64)
    right = len(scales) in (1, filters) and np.all(np.isfinite(scales) & (scales > 0))
    if not right or any(tensor.zero_points):
        raise refuse(
            operator,
            f"its kernel must have one positive scale or {filters}, and no zero point",
            f"{len(scales)} scales, zero points {tensor.zero_points[:5]}",
        )
    return scales


def option(operator: FileOperator, name: str) -> int:
    """A number among the options.

    Raises:
        ValueError: If the operator does not have it.
    """
    value = getattr(operator.options, name, None)
    if not isinstance(value, int | np.integer):
        raise refuse(operator, f"it must have the option {name}", f"{value!r}")
    return int(value)


def pair(operator: FileOperator, rows: str, columns: str) -> tuple[int, int]:
    """Two options, of rows and columns."""
    return option(operator, rows), option(operator, columns)


def padding(operator: FileOperator) -> str:
    """`"same"` or `"valid"`."""
    number = option(operator, "padding")
    if not 0 <= number < len(_PADDINGS):
        raise refuse(operator, "its padding must be 0 or 1", f"{number}")
    return _PADDINGS[number]


def activation(operator: FileOperator) -> str:
    """The fused activation; none where there are no options."""
    if operator.options is None:
        return "linear"
    number = option(operator, "fusedActivationFunction")
    if number not in _ACTIVATIONS:
        raise refuse(operator, "its activation must be none, RELU or RELU6", f"number {number}")
    return _ACTIVATIONS[number]


def axes(operator: FileOperator, index: int, rank: int) -> list[int]:
    """A constant list of axes, none of them negative."""
    tensor: Any = operator.given(index)
    values = constant(operator, index, "INT32", tensor.shape).ravel()
    return sorted({int(value) % rank for value in values})
