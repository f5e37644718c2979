"""Quantises what attention is made of, and the vectors of positions."""

from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._integer.multipliers import (
    finest_multiplier,
    multipliers,
    tflite_multiplier,
)
from keras_shiftadd.export._integer.operators import (
    AddConstant,
    MatMul,
    Repeat,
    Requantization,
    Transpose,
)
from keras_shiftadd.export._model import parts
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.builder import Builder
from keras_shiftadd.export._quantize.ranges import union
from keras_shiftadd.export._quantize.sums import sum_integers


def quantize_matmul(builder: Builder, step: Step) -> None:
    """Quantises the products of matrices, or the distances of their vectors."""
    layer: Any = step.node.layer
    first, second = (builder.get(source) for source in step.node.inputs)
    name, adder = step.node.name, layer.similarity == "laplacian"
    a, b = (builder.tensor(index).quantization for index in (first, second))
    if adder:
        # Distances need one scale and one zero point.
        both = union(a, b.low, b.high)
        first, second = (builder.requantize(index, both) for index in (first, second))
        factor = both.scale
    else:
        # As the runtimes multiply them.
        factor = float(np.float32(np.float32(a.scale) * np.float32(b.scale)))
    quantization = builder.quantizations.of(step.output).fit(factor)
    builder.quantizations.set(step.output, quantization)
    rounding = builder.options.conv_rounding
    choose = tflite_multiplier if rounding == "double" else finest_multiplier
    multiplier, shift = multipliers(np.array([factor / quantization.scale]), choose)
    requantization = Requantization(multiplier, shift, quantization.zero_point, rounding)
    transpose = layer.similarity is not None
    inputs = (first, second)
    result = builder.add(
        name,
        step.node.shape,
        quantization,
        lambda out: MatMul(
            name, "adder" if adder else "conv", inputs, out, requantization, transpose
        ),
    )
    builder.put(step.output, result)


def quantize_heads(builder: Builder, step: Step) -> None:
    """Quantises the way to heads and back: an exchange of axes between two changes of shape."""
    layer, name = step.node.layer, step.node.name
    index = builder.get(step.node.inputs[0])
    tensor = builder.tensor(index)
    if isinstance(layer, parts.SplitHeads):
        heads, tokens, size = step.node.shape
        index = builder.reshape(index, (tokens, heads, size))
        shape: tuple[int, ...] = (heads, tokens, size)
    else:
        heads, tokens, size = tensor.shape
        shape = (tokens, heads, size)
    result = builder.add(
        name, shape, tensor.quantization, lambda out: Transpose(name, (index,), out)
    )
    builder.put(step.output, result)


def quantize_repeat(builder: Builder, step: Step) -> None:
    """Quantises the repetition of a channel."""
    name = step.node.name
    index = builder.image(step.node.inputs[0])
    tensor = builder.tensor(index)
    shape = (*tensor.shape[:-1], step.node.shape[-1])
    result = builder.add(name, shape, tensor.quantization, lambda out: Repeat(name, (index,), out))
    builder.put(step.output, result)


def quantize_positions(builder: Builder, step: Step) -> None:
    """Quantises the sum of a tensor and the vectors of its positions."""
    layer: Any = step.node.layer
    name = step.node.name
    index = builder.get(step.node.inputs[0])
    tensor = builder.tensor(index)
    values = np.asarray(keras.ops.convert_to_numpy(layer.embeddings), np.float64)
    own = Quantization.from_range(float(values.min()), float(values.max()))
    constant = own.quantize(values).reshape(tensor.shape)
    unit = max(tensor.quantization.scale, own.scale)
    quantization = builder.quantizations.of(step.output).fit(unit)
    builder.quantizations.set(step.output, quantization)
    integers = sum_integers(
        (tensor.quantization.scale, own.scale), quantization.scale, builder.options
    )
    requantization = integers.requantization(quantization)
    result = builder.add(
        name,
        tensor.shape,
        quantization,
        lambda out: AddConstant(
            name,
            (index,),
            out,
            constant,
            own,
            integers.left_shift,
            integers.input_multipliers,
            integers.input_shifts,
            requantization,
        ),
    )
    builder.put(step.output, result)
