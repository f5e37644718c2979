"""Operators without weights as C."""

from collections.abc import Sequence

import numpy as np

from keras_shiftadd.export._c import c_text
from keras_shiftadd.export._c.layer import Constant, Layer
from keras_shiftadd.export._c.parameters import ROUNDINGS, image_shape
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Concatenate,
    Lookup,
    MatMul,
    Mean,
    Multiply,
    Pad,
    Pooling,
    Repeat,
    Requantization,
    Simple,
    Softmax,
    Transpose,
)

# Bytes of the structs of shiftadd_micro.h on a processor of 32 bits.
_STRUCT_BYTES = {
    "ksa_pool_params": 24,
    "ksa_mean_params": 20,
    "ksa_add_params": 32,
    "ksa_multiply_params": 24,
    "ksa_softmax_params": 20,
    "ksa_pad_params": 16,
    "ksa_concatenate_params": 12,
    "ksa_matmul_params": 28,
    "ksa_transpose_params": 6,
    "ksa_repeat_params": 8,
}
_LARGEST_SIZE = 0xFFFF

Fields = dict[str, int | str]


def write_simple(operator: Simple, sources: Sequence[Tensor], output: Tensor, name: str) -> Layer:
    """An operator without weights.

    Args:
        operator: Its integers.
        sources: The tensors that it reads.
        output: The tensor that it makes.
        name: Of this layer, a C identifier.

    Returns:
        A `Layer`.

    Raises:
        ValueError: A size does not fit into 16 bits.
    """
    x = sources[0]
    zeros = [tensor.quantization.zero_point for tensor in sources]
    fields: Fields
    match operator:
        case Pooling():
            return _one_struct(
                operator,
                f"{operator.kind}_pool",
                "ksa_pool_params",
                name,
                _pooling(operator, x, output),
            )
        case Mean():
            fields = {
                "positions": int(np.prod(x.shape[:-1])),
                "channels": x.shape[-1],
                "input_zero": zeros[0],
                "requantization": _requantization(operator.requantization),
            }
            return _one_struct(operator, "mean", "ksa_mean_params", name, fields)
        case Add():
            fields = _sum(operator, operator.subtract, zeros, output)
            return _one_struct(operator, "add", "ksa_add_params", name, fields, ("a", "b"))
        case AddConstant():
            return _add_constant(operator, [*zeros, operator.quantization.zero_point], output, name)
        case MatMul():
            fields = {
                "matrices": output.shape[0],
                "rows": output.shape[1],
                "columns": output.shape[2],
                "depth": x.shape[2],
                "transpose": int(operator.transpose),
                "input_zeros": _braces(zeros),
                "requantization": _requantization(operator.requantization),
            }
            kernel = "matmul" if operator.operator == "conv" else "adder_matmul"
            return _one_struct(operator, kernel, "ksa_matmul_params", name, fields, ("a", "b"))
        case Transpose():
            fields = dict(zip(("rows", "columns", "channels"), x.shape, strict=True))
            return _one_struct(operator, "transpose", "ksa_transpose_params", name, fields)
        case Repeat():
            fields = {"positions": x.size, "channels": output.shape[-1]}
            return _one_struct(operator, "repeat", "ksa_repeat_params", name, fields)
        case Multiply():
            fields = {
                "size": output.size,
                "b_size": sources[1].size,
                "input_zeros": _braces(zeros),
                "requantization": _requantization(operator.requantization),
            }
            return _one_struct(
                operator, "multiply", "ksa_multiply_params", name, fields, ("a", "b")
            )
        case Softmax():
            fields = {
                "rows": x.size // x.shape[-1],
                "size": x.shape[-1],
                "multiplier": operator.multiplier,
                "left_shift": operator.left_shift,
                "least_difference": operator.least_difference,
            }
            return _one_struct(operator, "softmax", "ksa_softmax_params", name, fields)
        case Pad():
            rows, columns, channels = image_shape(x)
            (top, bottom), (left, right) = operator.pads
            fields = {
                "in_rows": rows,
                "in_columns": columns,
                "channels": channels,
                "pad_top": top,
                "pad_bottom": bottom,
                "pad_left": left,
                "pad_right": right,
                "value": zeros[0],
            }
            return _one_struct(operator, "pad", "ksa_pad_params", name, fields)
        case Lookup():
            table = Constant(f"{name}_table", operator.table.astype(np.int8))
            return Layer(
                function=name,
                title=f"{operator.name}: {operator.function}, read from a table.",
                kernels=("lookup",),
                calls=(f"ksa_lookup({table.name}, {output.size}, x, y);",),
                constants=(table,),
            )
        case Concatenate():
            return _concatenate(operator, sources, output, name)


def _pooling(operator: Pooling, x: Tensor, output: Tensor) -> Fields:
    rows, columns, channels = image_shape(x)
    return {
        "in_rows": rows,
        "in_columns": columns,
        "channels": channels,
        "out_rows": output.shape[0],
        "out_columns": output.shape[1],
        "window_rows": operator.size[0],
        "window_columns": operator.size[1],
        "stride_rows": operator.strides[0],
        "stride_columns": operator.strides[1],
        "pad_rows": operator.pads[0][0],
        "pad_columns": operator.pads[1][0],
        "low": operator.low,
        "high": operator.high,
    }


def _sum(
    operator: Add | AddConstant, subtract: bool, zeros: Sequence[int], output: Tensor
) -> Fields:
    return {
        "size": output.size,
        "left_shift": operator.left_shift,
        "subtract": int(subtract),
        "input_zeros": _braces(zeros),
        "input_multipliers": _braces(operator.input_multipliers.tolist()),
        "input_shifts": _braces(operator.input_shifts.tolist()),
        "requantization": _requantization(operator.requantization),
    }


def _add_constant(operator: AddConstant, zeros: Sequence[int], output: Tensor, name: str) -> Layer:
    constant = Constant(f"{name}_constant", np.ravel(operator.constant))
    kind = "ksa_add_params"
    fields = _sum(operator, False, zeros, output)
    return Layer(
        function=name,
        title=f"{operator.name}: a constant added.",
        kernels=("add",),
        calls=(f"ksa_add(&{name}_params, x, {constant.name}, y);",),
        constants=(constant,),
        structs=(_struct(operator.name, kind, f"{name}_params", fields),),
        struct_bytes=_STRUCT_BYTES[kind],
    )


def _concatenate(
    operator: Concatenate, sources: Sequence[Tensor], output: Tensor, name: str
) -> Layer:
    kind, structs, calls, first = "ksa_concatenate_params", [], [], 0
    for i, source in enumerate(sources):
        fields: Fields = {
            "positions": source.size // source.shape[-1],
            "channels": source.shape[-1],
            "first": first,
            "out_channels": output.shape[-1],
        }
        structs.append(_struct(operator.name, kind, f"{name}_part_{i}", fields))
        calls.append(f"ksa_concatenate(&{name}_part_{i}, x{i}, y);")
        first += source.shape[-1]
    return Layer(
        function=name,
        title=f"{operator.name}: {len(sources)} tensors, joined along the channels.",
        kernels=("concatenate",),
        calls=tuple(calls),
        inputs=tuple(f"x{i}" for i in range(len(sources))),
        structs=tuple(structs),
        struct_bytes=len(sources) * _STRUCT_BYTES[kind],
    )


def _one_struct(
    operator: Simple,
    kernel: str,
    kind: str,
    name: str,
    fields: Fields,
    inputs: tuple[str, ...] = ("x",),
) -> Layer:
    return Layer(
        function=name,
        title=f"{operator.name}: {kernel.replace('_', ' ')}.",
        kernels=(kernel,),
        calls=(f"ksa_{kernel}(&{name}_params, {', '.join(inputs)}, y);",),
        inputs=inputs,
        structs=(_struct(operator.name, kind, f"{name}_params", fields),),
        struct_bytes=_STRUCT_BYTES[kind],
    )


def _struct(layer: str, kind: str, name: str, fields: Fields) -> str:
    for field, value in fields.items():
        if field not in _WIDE and isinstance(value, int) and value > _LARGEST_SIZE:
            raise ValueError(
                f"Sizes in C must be at most {_LARGEST_SIZE}. "
                f"Received: {field}={value} in layer {layer!r}."
            )
    text = {f: v if isinstance(v, str) else c_text.number(v) for f, v in fields.items()}
    return c_text.struct(kind, name, text)


# Fields of 32 bits.
_WIDE = ("positions", "size", "b_size", "rows", "multiplier", "least_difference")


def _requantization(requantization: Requantization) -> str:
    fields = {
        "multiplier": int(np.ravel(requantization.multiplier)[0]),
        "shift": int(np.ravel(requantization.shift)[0]),
        "rounding": ROUNDINGS[requantization.rounding],
        "zero": requantization.zero_point,
        "low": requantization.low,
        "high": requantization.high,
    }
    return "{" + ", ".join(f".{f} = {c_text.number(v)}" for f, v in fields.items()) + "}"


def _braces(values: Sequence[int]) -> str:
    return "{" + ", ".join(map(c_text.number, values)) + "}"
