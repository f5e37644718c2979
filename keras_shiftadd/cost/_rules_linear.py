"""Counting rules of Keras' layers with kernels."""

import math
from dataclasses import replace
from typing import Any

from keras import layers

from keras_shiftadd.cost._activations import activation_work
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._steps import Operator, Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Phase, Work


def spatial(shape: tuple[int, ...], data_format: str) -> int:
    """Number of positions of a batch of one."""
    return math.prod(shape[1:-1] if data_format == "channels_last" else shape[2:])


def channels(shape: tuple[int, ...], data_format: str) -> int:
    """Number of channels."""
    return shape[-1] if data_format == "channels_last" else shape[1]


def convolution_steps(
    layer: Any, call: Call, operator: Operator = "conv", weight_bits: int | None = None
) -> Steps:
    """Steps of a convolution. Padded positions are computed like all others."""
    in_channels = channels(call.input_shape, layer.data_format)
    positions = spatial(call.output_shape, layer.data_format)
    taps = math.prod(layer.kernel_size)
    weights = taps * (in_channels // layer.groups) * layer.filters
    return Steps(
        operator,
        positions * weights,
        positions * weights * layer.groups,
        weights,
        weight_bits,
        inputs=call.input_elements,
        outputs=positions * layer.filters,
    )


def depthwise_steps(
    layer: Any, call: Call, operator: Operator = "conv", weight_bits: int | None = None
) -> Steps:
    """Steps of a depthwise convolution."""
    in_channels = channels(call.input_shape, layer.data_format)
    positions = spatial(call.output_shape, layer.data_format)
    weights = math.prod(layer.kernel_size) * in_channels * layer.depth_multiplier
    return Steps(
        operator,
        positions * weights,
        positions * weights * in_channels,
        weights,
        weight_bits,
        inputs=call.input_elements,
        outputs=positions * in_channels * layer.depth_multiplier,
    )


def dense_steps(
    layer: Any, call: Call, operator: Operator = "conv", weight_bits: int | None = None
) -> Steps:
    """Steps of a dense layer, on every position of its input."""
    weights = call.input_shape[-1] * layer.units
    count = call.input_elements * layer.units
    return Steps(
        operator,
        count,
        count,
        weights,
        weight_bits,
        inputs=call.input_elements,
        outputs=call.output_elements,
    )


def chain(between: int) -> tuple[Phase, ...]:
    """Phases of two inner products, the second of which reads what the first one writes."""
    return Phase(output=False, inner=between), Phase(inputs=False, inner=between)


def tail(layer: Any, call: Call) -> Work:
    """Bias and activation behind an inner product."""
    elements = call.output_elements
    work = activation_work(layer.activation, elements)
    bias = Operations(add=elements if layer.use_bias else 0)
    return Work(elementwise=work.elementwise + bias, missing=work.missing)


def _with_tail(layer: Any, call: Call, *steps: Steps) -> Work:
    end = tail(layer, call)
    return Work(steps, end.elementwise, end.missing)


def _convolution(layer: Any, call: Call) -> Work:
    return _with_tail(layer, call, convolution_steps(layer, call))


def _depthwise(layer: Any, call: Call) -> Work:
    return _with_tail(layer, call, depthwise_steps(layer, call))


def _dense(layer: Any, call: Call) -> Work:
    return _with_tail(layer, call, dense_steps(layer, call))


def _separable(layer: Any, call: Call) -> Work:
    depthwise = depthwise_steps(layer, call)
    weights = channels(call.input_shape, layer.data_format) * layer.depth_multiplier * layer.filters
    count = spatial(call.output_shape, layer.data_format) * weights
    between = depthwise.outputs
    pointwise = Steps("conv", count, count, weights, inputs=between, outputs=call.output_elements)
    work = _with_tail(layer, call, depthwise, pointwise)
    return replace(work, phases=chain(between))


def _transposed(layer: Any, call: Call) -> Work:
    # Every input value meets every weight once: the zeros between them need no computing.
    weights = (
        math.prod(layer.kernel_size) * channels(call.input_shape, layer.data_format) * layer.filters
    )
    count = spatial(call.input_shape, layer.data_format) * weights
    steps = Steps(
        "conv", count, count, weights, inputs=call.input_elements, outputs=call.output_elements
    )
    return _with_tail(layer, call, steps)


def _einsum_dense(layer: Any, call: Call) -> Work:
    terms, result = layer.equation.replace(" ", "").split("->")
    left, right = (term.replace("...", "") for term in terms.split(","))
    if set(left) - set(right) - set(result):
        raise CannotCount(f"equation {layer.equation!r} sums over an axis of its input alone")
    size = dict(zip(right, layer.kernel.shape, strict=True))
    count = call.output_elements * math.prod(size[axis] for axis in right if axis not in result)
    steps = Steps(
        "conv",
        count,
        count,
        math.prod(layer.kernel.shape),
        inputs=call.input_elements,
        outputs=call.output_elements,
    )
    end = activation_work(layer.activation, call.output_elements)
    bias = Operations(add=call.output_elements if layer.bias is not None else 0)
    return Work((steps,), end.elementwise + bias, end.missing)


RULES: dict[type, Any] = {
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.Conv3D: _convolution,
    layers.DepthwiseConv1D: _depthwise,
    layers.DepthwiseConv2D: _depthwise,
    layers.SeparableConv1D: _separable,
    layers.SeparableConv2D: _separable,
    layers.Conv1DTranspose: _transposed,
    layers.Conv2DTranspose: _transposed,
    layers.Conv3DTranspose: _transposed,
    layers.Dense: _dense,
    layers.EinsumDense: _einsum_dense,
}
