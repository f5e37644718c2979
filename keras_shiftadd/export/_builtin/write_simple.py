"""Writes layers without kernels: activations, pooling, merging, changes of shape."""

from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._builtin.write_affine import write_affine
from keras_shiftadd.export._builtin.writer import Value, Writer
from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._model.activation_functions import activation_function
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import Quantization

# The runtimes require these output ranges.
_SIGMOID = Quantization(1 / 256, -128)
_TANH = Quantization(1 / 128, 0)
# Below this step of its input, SOFTMAX ends the process.
_FINEST_LOGIT = 2.0**-16


def write_normalization(writer: Writer, step: Step) -> None:
    """Writes a normalisation that is not merged into the layer before it."""
    [source] = step.node.inputs
    assert step.affine is not None
    output = write_affine(
        writer,
        writer.get(source),
        writer.ranges[source],
        step.affine,
        step.activation,
        writer.output_quantization(step.output),
    )
    writer.put(step.output, output)


def write_activation(writer: Writer, step: Step) -> None:
    """Writes an activation that is not merged into the layer before it."""
    layer: Any = step.node.layer
    name, parameter = activation_function(layer)
    _check_function(layer, name, parameter)
    value = writer.get(step.node.inputs[0])
    unit = value.quantization.scale
    if name == "softmax":
        _check_softmax(layer, len(value.shape))
        if unit < _FINEST_LOGIT:
            coarser = Quantization(_FINEST_LOGIT, value.quantization.zero_point)
            value = writer.requantize(value, coarser)
        output = writer.new("softmax", value.shape, _SIGMOID)
        writer.operator("SOFTMAX", [value], output, beta=1.0)
    elif name in ("sigmoid", "tanh"):
        quantization = _SIGMOID if name == "sigmoid" else _TANH
        output = writer.new(name, value.shape, quantization)
        writer.operator({"sigmoid": "LOGISTIC", "tanh": "TANH"}[name], [value], output)
    elif name == "silu":
        gate = writer.new("gate", value.shape, _SIGMOID)
        writer.operator("LOGISTIC", [value], gate)
        output = writer.new(
            name, value.shape, writer.output_quantization(step.output, unit * _SIGMOID.scale)
        )
        writer.operator("MUL", [value, gate], output)
    else:
        output = writer.new(name, value.shape, writer.output_quantization(step.output, unit))
        # The upper limit of relu6 is kept by the range of the output.
        code = {"elu": "ELU", "leaky_relu": "LEAKY_RELU", "hard_silu": "HARD_SWISH"}
        options = {"alpha": parameter} if name == "leaky_relu" else {}
        writer.operator(code.get(name, "RELU"), [value], output, **options)
    writer.put(step.output, output)


def _check_function(layer: Any, name: str, parameter: float) -> None:
    if name in ("power", "gelu", "rsqrt"):
        raise UnsupportedLayerError(
            f"Layer '{layer.name}' ({type(layer).__name__}, function '{name}') has no builtin "
            'operator in .tflite files. Export with kernels="custom", where it is a table.'
        )
    if name == "elu" and parameter != 1:
        raise UnsupportedLayerError(
            "An ELU layer must have alpha=1. "
            f"Received: layer '{layer.name}' with alpha={parameter}."
        )


def _check_softmax(layer: Any, rank: int) -> None:
    axis = getattr(layer, "axis", -1)
    if axis not in (-1, rank - 1):
        raise UnsupportedLayerError(
            "A Softmax layer must run over the last axis. "
            f"Received: layer '{layer.name}' with axis={axis}."
        )


def write_pooling(writer: Writer, step: Step) -> None:
    """Writes a pooling over windows."""
    layer: Any = step.node.layer
    average = isinstance(layer, keras.layers.AveragePooling1D | keras.layers.AveragePooling2D)
    value = writer.image(step.node.inputs[0])
    size = tuple(layer.pool_size) if len(layer.pool_size) == 2 else (1, *layer.pool_size)
    strides = tuple(layer.strides) if len(layer.strides) == 2 else (1, *layer.strides)
    shape = step.node.shape if len(step.node.shape) == 3 else (1, *step.node.shape)
    output = writer.new(layer.name, (1, *shape), value.quantization)
    _pool(writer, value, output, size, strides, layer.padding, average)
    writer.put(step.output, output)


def write_global_pooling(writer: Writer, step: Step) -> None:
    """Writes a pooling over all positions."""
    layer: Any = step.node.layer
    value = writer.image(step.node.inputs[0])
    if isinstance(layer, keras.layers.GlobalAveragePooling1D | keras.layers.GlobalAveragePooling2D):
        quantization = writer.output_quantization(step.output, value.quantization.scale)
        output = writer.new(layer.name, (1, value.shape[3]), quantization)
        writer.operator("MEAN", [value, writer.flat.integers([1, 2])], output, keepDims=False)
    else:
        output = writer.new(layer.name, (1, 1, 1, value.shape[3]), value.quantization)
        _pool(writer, value, output, value.shape[1:3], (1, 1), "valid", False)
    writer.put(step.output, output)


def _pool(
    writer: Writer,
    value: Value,
    output: Value,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    average: bool,
) -> None:
    writer.operator(
        "AVERAGE_POOL_2D" if average else "MAX_POOL_2D",
        [value],
        output,
        padding=writer.flat.padding(padding),
        strideH=strides[0],
        strideW=strides[1],
        filterHeight=size[0],
        filterWidth=size[1],
    )


def write_elementwise(writer: Writer, step: Step) -> None:
    """Writes an operation between tensors, two at a time."""
    layer: Any = step.node.layer
    values = [writer.get(source) for source in step.node.inputs]
    final = writer.output_quantization(step.output)
    if isinstance(layer, keras.layers.Maximum | keras.layers.Minimum):
        # Comparing needs one quantisation; it must hold the inputs, not only the result.
        final = Quantization.from_range(
            min(value.quantization.low for value in values),
            max(value.quantization.high for value in values),
        )
        values = [writer.requantize(value, final) for value in values]
    result = values[0]
    for index, value in enumerate(values[1:], start=2):
        last = index == len(values)
        result = _combine(writer, layer, result, value, final if last else None, step.activation)
    writer.put(step.output, result)


def _combine(
    writer: Writer,
    layer: Any,
    left: Value,
    right: Value,
    quantization: Quantization | None,
    activation: str,
) -> Value:
    """One operation; without a quantisation, an intermediate one."""
    shape = np.broadcast_shapes(left.shape, right.shape)
    if isinstance(layer, keras.layers.Maximum | keras.layers.Minimum):
        code = "MAXIMUM" if isinstance(layer, keras.layers.Maximum) else "MINIMUM"
        output = writer.new(layer.name, shape, left.quantization)
        return writer.operator(code, [left, right], output)
    code = {
        keras.layers.Add: "ADD",
        keras.layers.Subtract: "SUB",
        keras.layers.Multiply: "MUL",
    }[type(layer)]
    if quantization is None:
        quantization, activation = _bounds(code, left.quantization, right.quantization), "linear"
    scales = left.quantization.scale, right.quantization.scale
    unit = scales[0] * scales[1] if code == "MUL" else max(scales)
    output = writer.new(layer.name, shape, quantization.fit(unit))
    fused = writer.flat.fused(activation)
    return writer.operator(code, [left, right], output, fusedActivationFunction=fused)


def _bounds(code: str, left: Quantization, right: Quantization) -> Quantization:
    if code == "ADD":
        return Quantization.from_range(left.low + right.low, left.high + right.high)
    corners = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
    return Quantization.from_range(min(corners), max(corners))


def write_concatenate(writer: Writer, step: Step) -> None:
    """Writes a concatenation; its inputs are brought to one quantisation first."""
    layer: Any = step.node.layer
    units = [writer.raw(source).quantization.scale for source in step.node.inputs]
    quantization = writer.output_quantization(step.output, max(units))
    values = [writer.requantize(writer.get(source), quantization) for source in step.node.inputs]
    axis = layer.axis % len(values[0].shape)
    writer.put(step.output, writer.concatenate(values, axis))


def write_padding(writer: Writer, step: Step) -> None:
    """Writes zeros around a tensor."""
    layer: Any = step.node.layer
    pads = [layer.padding] if len(step.node.shape) == 2 else layer.padding
    value = writer.get(step.node.inputs[0])
    pairs = [(0, 0), *((int(before), int(after)) for before, after in pads), (0, 0)]
    writer.put(step.output, writer.pad(value, pairs))


def write_shape(writer: Writer, step: Step) -> None:
    """Writes a change of shape, or an exchange of axes."""
    layer: Any = step.node.layer
    source = step.node.inputs[0]
    if not isinstance(layer, keras.layers.Permute):
        # Flatten and Reshape keep the order of the numbers: whoever reads them reshapes them.
        writer.put(step.output, writer.raw(source))
        return
    value = writer.get(source)
    order = [0, *layer.dims]
    output = writer.new(layer.name, [value.shape[axis] for axis in order], value.quantization)
    writer.put(
        step.output, writer.operator("TRANSPOSE", [value, writer.flat.integers(order)], output)
    )
