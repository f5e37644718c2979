"""Checks the operators without kernels."""

import math

import numpy as np

from keras_shiftadd.export._integer.check_arrays import (
    check_array,
    check_clamp,
    check_image,
    check_multiplier,
    check_requantization,
    check_same_quantization,
    check_shape,
    require,
)
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Concatenate,
    Lookup,
    Mean,
    Multiply,
    Pad,
    Pooling,
    Reshape,
    Softmax,
)
from keras_shiftadd.export._integer.softmax import OUTPUT
from keras_shiftadd.export._integer.windows import output_size

_LARGEST_POOL = 2**23


def check_pooling(operator: Pooling, source: Tensor, output: Tensor) -> None:
    """Raises where a pooling breaks a rule."""
    require(
        operator,
        operator.kind in ("max", "average"),
        "`kind` must be 'max' or 'average'",
        f"{operator.kind!r}",
    )
    check_image(operator, source)
    pads = operator.pads
    require(
        operator,
        min(*operator.size, *operator.strides) >= 1 and min(map(min, pads)) >= 0,
        "sizes and strides must be 1 or more, pads 0 or more",
        f"size={operator.size}, strides={operator.strides}, pads={pads}",
    )
    require(
        operator,
        all(max(pair) < k for pair, k in zip(pads, operator.size, strict=True)),
        "pads must be smaller than the window, which reads an element at least",
        f"size={operator.size}, pads={pads}",
    )
    require(
        operator,
        math.prod(operator.size) < _LARGEST_POOL,
        "a window must have less than 2**23 elements",
        f"size={operator.size}",
    )
    size = output_size(source.shape[:2], operator.size, operator.strides, (1, 1), pads)
    require(operator, min(size) >= 1, "its window must fit the padded input", f"{source}")
    check_shape(operator, output, (*size, source.shape[2]))
    check_same_quantization(operator, [source, output])
    check_clamp(operator, operator.low, operator.high)


def check_mean(operator: Mean, source: Tensor, output: Tensor) -> None:
    """Raises where a mean breaks a rule."""
    check_image(operator, source)
    check_shape(operator, output, source.shape[2:])
    sums = 255 * source.shape[0] * source.shape[1]
    check_requantization(operator, operator.requantization, output, sums)


def check_add(operator: Add, inputs: list[Tensor], output: Tensor) -> None:
    """Raises where an addition breaks a rule."""
    require(operator, len(inputs) == 2, "it must have two inputs", f"{len(inputs)}")
    check_shape(operator, inputs[1], inputs[0].shape)
    check_shape(operator, output, inputs[0].shape)
    check_sum(operator, output)


def check_sum(operator: Add | AddConstant, output: Tensor) -> None:
    """Raises where the integers of an addition break a rule."""
    require(
        operator,
        0 <= operator.left_shift <= 22,
        "`left_shift` must be from 0 to 22",
        f"{operator.left_shift}",
    )
    check_array(operator, "input_multipliers", operator.input_multipliers, np.int32, (2,))
    largest = 255 << operator.left_shift
    rounding = operator.requantization.rounding
    multiplier, shift = operator.input_multipliers, operator.input_shifts
    check_multiplier(operator, multiplier, shift, rounding, largest)
    scaled = np.ceil(largest * np.abs(multiplier.astype(np.float64)) / 2.0**shift)
    check_requantization(operator, operator.requantization, output, int(scaled.sum()))


def check_multiply(operator: Multiply, inputs: list[Tensor], output: Tensor) -> None:
    """Raises where a multiplication breaks a rule."""
    require(operator, len(inputs) == 2, "it must have two inputs", f"{len(inputs)}")
    first, second = (tensor.shape for tensor in inputs)
    require(
        operator,
        second in (first, first[-1:]),
        "its second input must have the shape of the first, or be a vector of its channels",
        f"shapes {first} and {second}",
    )
    check_shape(operator, output, first)
    check_requantization(operator, operator.requantization, output, 255 * 255)


def check_lookup(operator: Lookup, source: Tensor, output: Tensor) -> None:
    """Raises where a table breaks a rule."""
    check_shape(operator, output, source.shape)
    check_array(operator, "table", operator.table, np.int8, (256,))


def check_softmax(operator: Softmax, source: Tensor, output: Tensor) -> None:
    """Raises where a softmax breaks a rule."""
    check_shape(operator, output, source.shape)
    require(
        operator,
        output.quantization == OUTPUT,
        f"its output must have {OUTPUT}",
        f"{output.quantization}",
    )
    multiplier, left_shift = operator.multiplier, operator.left_shift
    least = operator.least_difference
    require(
        operator,
        0 <= multiplier < 2**31 and 0 <= left_shift <= 31 and -(31 << 26) <= least <= 0,
        "`multiplier` must have 31 bits, `left_shift` be from 0 to 31 and `least_difference` from "
        "-31 * 2**26 to 0",
        f"multiplier={multiplier}, left_shift={left_shift}, least_difference={least}",
    )
    require(
        operator,
        min(-least, 255) << left_shift < 2**31,
        "differences times 2**left_shift must keep below 2**31 in magnitude",
        f"least_difference={least}, left_shift={left_shift}",
    )
    require(
        operator,
        source.shape[-1] < 2**12,
        "it must have less than 4096 classes",
        f"{source.shape[-1]}",
    )


def check_reshape(operator: Reshape, source: Tensor, output: Tensor) -> None:
    """Raises where a change of shape breaks a rule."""
    require(
        operator,
        source.size == output.size,
        "its output must have as many elements as its input",
        f"shapes {source.shape} and {output.shape}",
    )
    check_same_quantization(operator, [source, output])


def check_pad(operator: Pad, source: Tensor, output: Tensor) -> None:
    """Raises where a padding breaks a rule."""
    check_image(operator, source)
    require(
        operator,
        min(map(min, operator.pads)) >= 0,
        "pads must be 0 or more",
        f"pads={operator.pads}",
    )
    size = [n + sum(pair) for n, pair in zip(source.shape[:2], operator.pads, strict=True)]
    check_shape(operator, output, (size[0], size[1], source.shape[2]))
    check_same_quantization(operator, [source, output])


def check_concatenate(operator: Concatenate, inputs: list[Tensor], output: Tensor) -> None:
    """Raises where a concatenation breaks a rule."""
    require(operator, len(inputs) >= 1, "it must have inputs", "none")
    shapes = [tensor.shape for tensor in inputs]
    require(
        operator,
        all(shape[:-1] == shapes[0][:-1] for shape in shapes),
        "its inputs must differ in the last axis only",
        f"shapes {shapes}",
    )
    total = sum(shape[-1] for shape in shapes)
    check_shape(operator, output, (*shapes[0][:-1], total))
    check_same_quantization(operator, [*inputs, output])
