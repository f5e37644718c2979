"""What a layer computes, with a kernel that is not its own."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd import layers
from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.callbacks._augmentation.shared_kernel import operator_of, round_like
from keras_shiftadd.layers._operator_layer import OperatorLayer
from keras_shiftadd.ops._depthwise import depthwise_conv

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    layers.ShiftConv1D,
    layers.ShiftConv2D,
    layers.AdderConv1D,
    layers.AdderConv2D,
    layers.HybridConv2D,
)
DEPTHWISE = (
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    layers.ShiftDepthwiseConv2D,
    layers.AdderDepthwiseConv2D,
)
DENSE = (keras.layers.Dense, layers.ShiftDense, layers.AdderDense)
# Subclasses of keras.layers.Conv* that mean something else.
NOT_CONVOLUTIONS = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


def convolve(layer: Any, inputs: Any, kernel: Any) -> Any:
    """The multiplicative operation with the geometry of a layer."""
    kernel = ops.cast(kernel, inputs.dtype)
    if isinstance(layer, OperatorLayer):
        return layer._convolve(inputs, kernel)
    if isinstance(layer, keras.layers.Dense):
        return ops.matmul(inputs, kernel)
    if isinstance(layer, DEPTHWISE):
        return depthwise_conv(
            inputs,
            kernel,
            strides=layer.strides,
            padding=layer.padding,
            dilation_rate=layer.dilation_rate,
            data_format=layer.data_format,
        )
    return layer.convolution_op(inputs, kernel)


def operate(layer: Any, inputs: Any, kernel: Any, gradient_weight: float = 1.0) -> Any:
    """The operation of a layer itself.

    Args:
        layer: the layer, of any operator.
        inputs: what it reads.
        kernel: a float kernel, as it is trained.
        gradient_weight: factor of the norm that an adder layer gives to the kernel's gradient.
    """
    operator = operator_of(layer)
    if operator == "conv":
        return convolve(layer, inputs, kernel)
    if operator == "shift":
        bits = getattr(layer, "activation_bits", None)
        if bits is not None:
            inputs = shiftadd_ops.round_to_fixed_point(inputs, *bits)
        return convolve(layer, inputs, round_like(layer, kernel))
    if layer.gradient_scale is not None:
        scale = layer.gradient_scale * gradient_weight
        kernel = shiftadd_ops.normalize_gradient(kernel, scale)
    return layer._compare(inputs, kernel, layer.gradient)


def channel_axis(layer: Any) -> int:
    """Where the channels of a layer's outputs are."""
    return 1 if getattr(layer, "data_format", None) == "channels_first" else -1
