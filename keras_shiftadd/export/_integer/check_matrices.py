"""Checks the operators of attention and of normalisations over channels."""

import math

import numpy as np

from keras_shiftadd.export._integer.check_arrays import (
    check_array,
    check_image,
    check_requantization,
    check_same_quantization,
    check_shape,
    require,
)
from keras_shiftadd.export._integer.check_elementwise import check_sum
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import AddConstant, MatMul, Repeat, Transpose


def check_matmul(operator: MatMul, inputs: list[Tensor], output: Tensor) -> None:
    """Raises where a product of matrices breaks a rule."""
    require(operator, len(inputs) == 2, "it must have two inputs", f"{len(inputs)}")
    require(
        operator,
        operator.operator in ("conv", "adder"),
        "`operator` must be 'conv' or 'adder'",
        f"{operator.operator!r}",
    )
    for tensor in inputs:
        check_image(operator, tensor)
    first, second = (tensor.shape for tensor in inputs)
    depth, columns = second[1:]
    if operator.transpose:
        depth, columns = columns, depth
    require(
        operator,
        first[0] == second[0] and first[2] == depth,
        "its inputs must hold as many matrices, whose sizes fit each other",
        f"shapes {first} and {second}, transpose={operator.transpose}",
    )
    check_shape(operator, output, (first[0], first[1], columns))
    largest = 255
    if operator.operator == "conv":
        largest = math.prod(
            max(127 - tensor.quantization.zero_point, 128 + tensor.quantization.zero_point)
            for tensor in inputs
        )
    else:
        check_same_quantization(operator, inputs)
    check_requantization(operator, operator.requantization, output, depth * largest)


def check_add_constant(operator: AddConstant, source: Tensor, output: Tensor) -> None:
    """Raises where the addition of an array breaks a rule."""
    check_array(operator, "constant", operator.constant, np.int8, source.shape)
    quantization = operator.quantization
    require(
        operator,
        quantization.scale > 0 and -128 <= quantization.zero_point <= 127,
        "`quantization` must have a positive scale and a zero point from -128 to 127",
        f"{quantization}",
    )
    check_shape(operator, output, source.shape)
    check_sum(operator, output)


def check_transpose(operator: Transpose, source: Tensor, output: Tensor) -> None:
    """Raises where a transposition breaks a rule."""
    check_image(operator, source)
    rows, columns, channels = source.shape
    check_shape(operator, output, (columns, rows, channels))
    check_same_quantization(operator, [source, output])


def check_repeat(operator: Repeat, source: Tensor, output: Tensor) -> None:
    """Raises where a repetition breaks a rule."""
    check_image(operator, source)
    require(operator, source.shape[2] == 1, "its input must have one channel", f"{source.shape}")
    check_shape(operator, output, (*source.shape[:2], output.shape[-1]))
    check_same_quantization(operator, [source, output])
