"""Takes layers apart into layers that the export writes one by one."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd import layers as ours
from keras_shiftadd.export._model.known_layers import KERNEL, TRAINING_ONLY, activation_name

_SEPARABLE = {
    keras.layers.SeparableConv1D: (keras.layers.DepthwiseConv1D, keras.layers.Conv1D),
    keras.layers.SeparableConv2D: (keras.layers.DepthwiseConv2D, keras.layers.Conv2D),
}


def split_layer(
    layer: keras.layers.Layer, input_shapes: Sequence[tuple[int | None, ...]]
) -> list[keras.layers.Layer]:
    """The built layers which, one after the other, compute what `layer` does at inference.

    A layer with weights and an activation becomes two; a layer for training only becomes none.
    The layer itself is not changed.
    """
    if isinstance(layer, TRAINING_ONLY):
        return []
    if isinstance(layer, ours.ShiftAdderConv2D):
        middle = layer.shift.compute_output_shape(input_shapes[0])
        return [
            *split_layer(layer.shift, input_shapes),
            *split_layer(layer.adder, [middle]),
        ]
    if type(layer) in _SEPARABLE:
        return _split_separable(layer, input_shapes[0])
    if isinstance(layer, keras.layers.Activation):
        return [] if activation_name(layer) == "linear" else [layer]
    if isinstance(layer, KERNEL) and activation_name(layer) != "linear":
        bare = _without_activation(layer, input_shapes[0])
        return [bare, _activation(layer)]
    return [layer]


def _activation(layer: Any) -> keras.layers.Layer:
    return keras.layers.Activation(layer.activation, name=f"{layer.name}_activation")


def _without_activation(layer: Any, input_shape: tuple[int | None, ...]) -> Any:
    copy = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    with warnings.catch_warnings():
        # What a layer says of its settings, it said when the user built it.
        warnings.simplefilter("ignore")
        copy.build(input_shape)
    copy.set_weights(layer.get_weights())
    return copy


def _split_separable(layer: Any, input_shape: tuple[int | None, ...]) -> list[keras.layers.Layer]:
    depthwise_class, convolution_class = _SEPARABLE[type(layer)]
    depthwise = depthwise_class(
        layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        depth_multiplier=layer.depth_multiplier,
        dilation_rate=layer.dilation_rate,
        data_format=layer.data_format,
        use_bias=False,
        dtype=layer.dtype_policy,
        name=f"{layer.name}_depthwise",
    )
    depthwise.build(input_shape)
    depthwise.kernel.assign(layer.depthwise_kernel)
    pointwise = convolution_class(
        layer.filters,
        1,
        data_format=layer.data_format,
        use_bias=layer.use_bias,
        dtype=layer.dtype_policy,
        name=f"{layer.name}_pointwise",
    )
    pointwise.build(depthwise.compute_output_shape(input_shape))
    pointwise.kernel.assign(layer.pointwise_kernel)
    if layer.use_bias:
        pointwise.bias.assign(layer.bias)
    parts = [depthwise, pointwise]
    if activation_name(layer) != "linear":
        parts.append(_activation(layer))
    return parts
