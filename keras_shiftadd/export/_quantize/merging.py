"""Quantises layers that join tensors: sums, products, concatenations."""

from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._integer.multipliers import multipliers, tflite_multiplier
from keras_shiftadd.export._integer.operators import Add, Concatenate, Multiply, Requantization
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization
from keras_shiftadd.export._quantize.builder import Builder, natural_shape, unsupported
from keras_shiftadd.export._quantize.limits import limits
from keras_shiftadd.export._quantize.sums import sum_integers


def quantize_elementwise(builder: Builder, step: Step) -> None:
    """Quantises an operation between tensors, two at a time."""
    layer: Any = step.node.layer
    if isinstance(layer, keras.layers.Maximum | keras.layers.Minimum):
        raise unsupported(layer, "int8 networks have no operator for it")
    result = builder.get(step.node.inputs[0])
    for position, source in enumerate(step.node.inputs[1:], start=2):
        last = position == len(step.node.inputs)
        other = builder.get(source)
        if isinstance(layer, keras.layers.Multiply):
            result = _multiply(builder, step, result, other, last)
        else:
            result = _add(builder, step, result, other, last)
    builder.put(step.output, result)


def quantize_concatenation(builder: Builder, step: Step) -> None:
    """Quantises a concatenation; its inputs are brought to one quantisation first."""
    layer: Any = step.node.layer
    if layer.axis not in (-1, len(step.node.shape)):
        raise unsupported(layer, f"it must join the last axis. Received: axis={layer.axis}")
    quantization = builder.quantizations.of(step.output)
    inputs = [builder.get(source) for source in step.node.inputs]
    indices = tuple(builder.requantize(index, quantization) for index in inputs)
    name = step.node.name
    result = builder.add(
        name, natural_shape(step.node), quantization, lambda out: Concatenate(name, indices, out)
    )
    builder.put(step.output, result)


def _add(builder: Builder, step: Step, left: int, right: int, last: bool) -> int:
    layer: Any = step.node.layer
    a, b = builder.tensor(left), builder.tensor(right)
    if a.shape != b.shape:
        raise unsupported(
            layer, f"its inputs must have one shape. Received: shapes {a.shape} and {b.shape}"
        )
    subtract = isinstance(layer, keras.layers.Subtract)
    quantization = builder.quantizations.of(step.output)
    if not last:
        reach = (a.quantization, b.quantization)
        quantization = Quantization.from_range(
            sum(q.low for q in reach), sum(q.high for q in reach)
        )
    unit = max(a.quantization.scale, b.quantization.scale)
    quantization = quantization.fit(unit)
    low, high = (INT8_MIN, INT8_MAX)
    if last:
        builder.quantizations.set(step.output, quantization)
        low, high = limits(step, quantization)
    integers = sum_integers(
        (a.quantization.scale, b.quantization.scale), quantization.scale, builder.options
    )
    requantization = integers.requantization(quantization, low, high)
    return builder.add(
        step.node.name,
        a.shape,
        quantization,
        lambda out: Add(
            step.node.name,
            (left, right),
            out,
            integers.left_shift,
            integers.input_multipliers,
            integers.input_shifts,
            requantization,
            subtract,
        ),
    )


def _multiply(builder: Builder, step: Step, left: int, right: int, last: bool) -> int:
    if builder.tensor(left).size < builder.tensor(right).size:
        left, right = right, left
    a, b = builder.tensor(left), builder.tensor(right)
    if b.shape != a.shape:
        if b.size != a.shape[-1] or b.shape[-1] != b.size:
            raise unsupported(
                step.node.layer,
                "its inputs must have one shape, or one of them be a number for each channel. "
                f"Received: shapes {a.shape} and {b.shape}",
            )
        right = builder.reshape(right, (b.size,))
    unit = a.quantization.scale * b.quantization.scale
    quantization = builder.quantizations.of(step.output)
    if not last:
        corners = [x * y for x in _ends(a.quantization) for y in _ends(b.quantization)]
        quantization = Quantization.from_range(min(corners), max(corners))
    quantization = quantization.fit(unit)
    low, high = (INT8_MIN, INT8_MAX)
    if last:
        builder.quantizations.set(step.output, quantization)
        low, high = limits(step, quantization)
    multiplier, shift = multipliers(np.array([unit / quantization.scale]), tflite_multiplier)
    requantization = Requantization(multiplier, shift, quantization.zero_point, "double", low, high)
    return builder.add(
        step.node.name,
        a.shape,
        quantization,
        lambda out: Multiply(step.node.name, (left, right), out, requantization),
    )


def _ends(quantization: Quantization) -> tuple[float, float]:
    return quantization.low, quantization.high
