"""Quantises pooling, padding, and changes of shape."""

from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import Mean, Pad, Pair, Pooling, Requantization
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._model.known_layers import DENSE, KERNEL
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantize.builder import Builder, unsupported
from keras_shiftadd.export._quantize.layer_window import NO_PADS, padding

_AVERAGE = (keras.layers.AveragePooling1D, keras.layers.AveragePooling2D)
_GLOBAL_AVERAGE = (keras.layers.GlobalAveragePooling1D, keras.layers.GlobalAveragePooling2D)


def quantize_pooling(builder: Builder, step: Step) -> None:
    """Quantises a pooling over windows."""
    layer: Any = step.node.layer
    index = builder.image(step.node.inputs[0])
    size, strides = _pair(layer.pool_size), _pair(layer.strides)
    pads = padding(layer.padding, builder.tensor(index).shape[:2], size, strides)
    builder.put(step.output, _pool(builder, step, index, size, strides, pads))


def quantize_global_pooling(builder: Builder, step: Step) -> None:
    """Quantises a pooling over all positions."""
    index = builder.image(step.node.inputs[0])
    tensor = builder.tensor(index)
    rows, columns, channels = tensor.shape
    if not isinstance(step.node.layer, _GLOBAL_AVERAGE):
        size = (rows, columns)
        builder.put(step.output, _pool(builder, step, index, size, (1, 1), NO_PADS))
        return
    quantization = builder.quantizations.of(step.output).fit(tensor.quantization.scale)
    builder.quantizations.set(step.output, quantization)
    factor = tensor.quantization.scale / quantization.scale
    multiplier, shift = mean_multiplier(factor, rows * columns)
    requantization = Requantization(
        np.array([multiplier], np.int32),
        np.array([shift], np.int32),
        quantization.zero_point,
        "double",
    )
    name = step.node.name
    result = builder.add(
        name, (channels,), quantization, lambda out: Mean(name, (index,), out, requantization)
    )
    builder.put(step.output, result)


def quantize_padding(builder: Builder, step: Step) -> None:
    """Quantises zeros around a tensor; convolutions add them themselves."""
    layer: Any = step.node.layer
    index, before = builder.before_padding(step.node.inputs[0])
    pairs = layer.padding if len(step.node.shape) == 3 else ((0, 0), layer.padding)
    pads = tuple(
        (int(pair[0]) + more[0], int(pair[1]) + more[1])
        for pair, more in zip(pairs, before, strict=True)
    )
    readers = step.output.users
    if readers and all(
        isinstance(reader.layer, (*KERNEL, *_PADDING)) and not isinstance(reader.layer, DENSE)
        for reader in readers
    ):
        builder.put_padding(step.output, index, (pads[0], pads[1]))
        return
    tensor = builder.tensor(index)
    rows, columns = (n + sum(pair) for n, pair in zip(tensor.shape[:2], pads, strict=True))
    result = builder.add(
        step.node.name,
        (rows, columns, tensor.shape[2]),
        tensor.quantization,
        lambda out: Pad(step.node.name, (index,), out, (pads[0], pads[1])),
    )
    builder.put(step.output, result)


_PADDING = (keras.layers.ZeroPadding1D, keras.layers.ZeroPadding2D)


def quantize_shape(builder: Builder, step: Step) -> None:
    """Quantises a change of shape."""
    layer = step.node.layer
    if isinstance(layer, keras.layers.Permute):
        raise unsupported(layer, "int8 networks have no operator that exchanges axes")
    builder.put(step.output, builder.get(step.node.inputs[0]))


def _pool(
    builder: Builder, step: Step, index: int, size: Pair, strides: Pair, pads: tuple[Pair, Pair]
) -> int:
    tensor = builder.tensor(index)
    outputs = output_size(tensor.shape[:2], size, strides, (1, 1), pads)
    average = isinstance(step.node.layer, _AVERAGE)
    return builder.add(
        step.node.name,
        (*outputs, tensor.shape[2]),
        tensor.quantization,
        lambda out: Pooling(
            step.node.name, "average" if average else "max", (index,), out, size, strides, pads
        ),
    )


def mean_multiplier(factor: float, count: int) -> tuple[int, int]:
    """The factor divided by the number of positions, as TFLite's MEAN rounds it."""
    multiplier, shift = tflite_multiplier(factor)
    more = min(count.bit_length() - 1, 32, 62 - shift)
    return (multiplier << more) // count, shift + more


def _pair(values: Any) -> Pair:
    return (1, int(values[0])) if len(values) == 1 else (int(values[0]), int(values[1]))
