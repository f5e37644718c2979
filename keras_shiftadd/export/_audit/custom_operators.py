"""What the custom operators of this package do."""

import math
from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._audit.operator_costs import FREE, MULTIPLIES, UNKNOWN
from keras_shiftadd.export._tflite.custom_options import (
    CONVOLUTIONS,
    LOOKUP,
    ConvolutionOptions,
)
from keras_shiftadd.export._tflite.file_graph import FileOperator

_CUSTOM = "CUSTOM:"
_MULTIPLIERS = 3  # Which input holds them.


@dataclass(frozen=True)
class CustomCosts:
    """The kind of a custom operator and its counts, as in `AuditedOperator`."""

    kind: str
    multiplications: int | None = 0
    rescalings: int = 0
    shifts: int = 0
    remark: str = ""


def custom_costs(operator: FileOperator) -> CustomCosts | None:
    """What a custom operator does; None for one that is not of this package.

    Its options decide, as they do in the kernels: an operator whose options are not those of its
    name is unknown.
    """
    name = operator.name.removeprefix(_CUSTOM)
    if name == operator.name or (name not in CONVOLUTIONS and name != LOOKUP):
        return None
    if name == LOOKUP:
        return CustomCosts(FREE, remark="a table of 256 numbers")
    try:
        options = ConvolutionOptions.unpack(operator.custom_options)
    except ValueError:
        return CustomCosts(UNKNOWN, None, remark="options that cannot be read")
    if options.operator != CONVOLUTIONS[name][0]:
        return CustomCosts(UNKNOWN, None, remark=f"options of another operator, {options.operator}")
    channels = options.input_size[2] // max(options.groups, 1)
    steps = math.prod(options.output_size) * math.prod(options.kernel_size) * channels
    rescalings = 0 if _only_shifts(operator) else math.prod(options.output_size)
    if options.operator == "adder":
        return CustomCosts(FREE, 0, rescalings, remark="absolute differences")
    if options.operator == "shift":
        return CustomCosts(FREE, 0, rescalings, steps, f"{steps:,} shifts")
    return CustomCosts(MULTIPLIES, steps, rescalings)


def _only_shifts(operator: FileOperator) -> bool:
    """Whether results are brought to int8 by shifts alone: multipliers that are powers of two."""
    multipliers = operator.given(_MULTIPLIERS)
    if multipliers.data is None or multipliers.dtype != "INT32":
        return False
    mantissas, _ = np.frexp(np.abs(multipliers.data.astype(np.float64)))
    return bool(np.isin(mantissas, (0.0, 0.5)).all())
