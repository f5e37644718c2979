"""Writes convolutions, depthwise convolutions and dense layers, shift layers among them."""

import math
from typing import Any

import numpy as np

from keras_shiftadd.export._builtin.writer import Value, Writer
from keras_shiftadd.export._model.calibration import Range
from keras_shiftadd.export._model.kernels import bias_of, kernel_of, window_of
from keras_shiftadd.export._model.known_layers import DENSE, DEPTHWISE, operator
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import Quantization, quantize_kernel


def write_kernel(writer: Writer, step: Step) -> None:
    """Writes a layer with a kernel that is multiplied, and what is merged into it."""
    layer: Any = step.node.layer
    source = step.node.inputs[0]
    if isinstance(layer, DENSE):
        shape = (math.prod(source.shape[:-1]), source.shape[-1])
        value = writer.reshape(writer.raw(source), shape)
    else:
        value = writer.image(source)
    value = _fixed_point(writer, value, layer, writer.ranges[source])
    if isinstance(layer, DENSE):
        output = _write_dense(writer, step, value)
    else:
        output = _write_convolution(writer, step, value)
    writer.put(step.output, output)


def _write_dense(writer: Writer, step: Step, value: Value) -> Value:
    kernel = kernel_of(step.node.layer)
    weights, bias, unit = _constants(writer, step, kernel, value.quantization, (1, 0), 0)
    shape = (value.shape[0], kernel.shape[-1])
    output = writer.new(step.node.name, shape, writer.output_quantization(step.output, unit))
    return writer.operator(
        "FULLY_CONNECTED",
        [value, weights, bias],
        output,
        fusedActivationFunction=writer.flat.fused(step.activation),
    )


def _write_convolution(writer: Writer, step: Step, value: Value) -> Value:
    layer: Any = step.node.layer
    (rows, columns), strides, dilation = window_of(layer)
    padding = layer.padding
    if padding == "causal":
        value = writer.pad(value, [(0, 0), (0, 0), ((columns - 1) * dilation[1], 0), (0, 0)])
        padding = "valid"
    kernel = kernel_of(layer)
    options = {
        "padding": writer.flat.padding(padding),
        "strideH": strides[0],
        "strideW": strides[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": writer.flat.fused(step.activation),
    }
    if isinstance(layer, DEPTHWISE):
        code = "DEPTHWISE_CONV_2D"
        options["depthMultiplier"] = layer.depth_multiplier
        kernel = kernel.reshape(1, rows, columns, -1)
        order, axis = (0, 1, 2, 3), 3
    else:
        code = "CONV_2D"
        kernel = kernel.reshape(rows, columns, *kernel.shape[-2:])
        order, axis = (3, 0, 1, 2), 0
    weights, bias, unit = _constants(writer, step, kernel, value.quantization, order, axis)
    shape = step.node.shape if len(step.node.shape) == 3 else (1, *step.node.shape)
    quantization = writer.output_quantization(step.output, unit)
    output = writer.new(step.node.name, (1, *shape), quantization)
    return writer.operator(code, [value, weights, bias], output, **options)


def _constants(
    writer: Writer,
    step: Step,
    kernel: np.ndarray,
    quantization: Quantization,
    order: tuple[int, ...],
    axis: int,
) -> tuple[int, int, float]:
    """Adds the kernel, with the output channels last, in another order of axes; and the bias.

    Returns:
        Their tensors, and the largest step in which an output is summed up.
    """
    layer: Any = step.node.layer
    channels = kernel.shape[-1]
    gain, bias = np.ones(channels), bias_of(layer, channels)
    if step.affine is not None:
        gain = step.affine.gain
        bias = gain * bias + step.affine.offset
    integers, scales, bias_integers = quantize_kernel(
        kernel, gain, bias, quantization.scale, operator(layer) == "shift"
    )
    weights = writer.flat.kernel(f"{layer.name}/kernel", integers.transpose(order), scales, axis)
    bias_scales = scales * np.float32(quantization.scale)
    bias_index = writer.flat.bias(f"{layer.name}/bias", bias_integers, bias_scales)
    return weights, bias_index, float(bias_scales.max())


def _fixed_point(writer: Writer, value: Value, layer: Any, measured: Range) -> Value:
    """Rounds the input of a shift layer down to fixed point, where int8 can tell the difference.

    Steps finer than those of the int8 input cannot be told apart from it; then only the limits
    are kept.
    """
    bits = getattr(layer, "activation_bits", None)
    if bits is None:
        return value
    integer_bits, fraction_bits = bits
    grid = 2.0**-fraction_bits
    limit = 2.0 ** (integer_bits - 1)
    low = max(min(measured.low.min(), 0.0), -limit)
    high = min(max(measured.high.max(), 0.0), limit - grid)
    if grid < value.quantization.scale:
        if low <= value.quantization.low and high >= value.quantization.high:
            return value
        inside = measured.low.min() >= low and measured.high.max() <= high
        return value if inside else writer.requantize(value, Quantization.from_range(low, high))
    lowest = math.floor(low / grid)
    # All of [low, high] in steps of the grid: at most 255 of them, as the int8 steps are finer.
    limited = Quantization(grid, int(np.clip(-128 - lowest, -128, 127)))
    # Rounding to nearest after taking off half a step rounds down. A little less is taken off, so
    # that inputs on the grid itself, such as 0.0, stay where they are.
    half = writer.constant("half_step", np.asarray([grid / 2 - value.quantization.scale / 4]))
    output = writer.new("fixed_point", value.shape, limited)
    value = writer.operator("SUB", [value, half], output)
    return _limit(writer, value, -limit, limit - grid)


def _limit(writer: Writer, value: Value, low: float, high: float) -> Value:
    for code, bound, needed in (
        ("MAXIMUM", low, value.quantization.low < low),
        ("MINIMUM", high, value.quantization.high > high),
    ):
        if needed:
            data = np.asarray([bound])
            constant = writer.flat.constant("limit", data, value.quantization)
            output = writer.new("limited", value.shape, value.quantization)
            value = writer.operator(code, [value, constant], output)
    return value
