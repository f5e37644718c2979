"""The layers that the export knows."""

import math
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_shiftadd import layers as ours
from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._model.compose import check_composed
from keras_shiftadd.export._model.parts import HeadsMatMul, ReciprocalRoot
from keras_shiftadd.layers._embeddings import PositionEmbedding

CONVOLUTION = (
    layers.Conv1D,
    layers.Conv2D,
    ours.ShiftConv1D,
    ours.ShiftConv2D,
    ours.AdderConv1D,
    ours.AdderConv2D,
    ours.HybridConv2D,
)
DEPTHWISE = (
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    ours.ShiftDepthwiseConv2D,
    ours.AdderDepthwiseConv2D,
)
DENSE = (layers.Dense, ours.ShiftDense, ours.AdderDense)
KERNEL = (*CONVOLUTION, *DEPTHWISE, *DENSE)
SPLIT = (layers.SeparableConv1D, layers.SeparableConv2D, ours.ShiftAdderConv2D)
# These do nothing at inference.
TRAINING_ONLY = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
    layers.InputLayer,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
)
POOLING = (
    layers.AveragePooling1D,
    layers.AveragePooling2D,
    layers.MaxPooling1D,
    layers.MaxPooling2D,
)
GLOBAL_POOLING = (
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
)
AFFINE = (layers.BatchNormalization, layers.Normalization, layers.Rescaling)
ARITHMETIC = (layers.Add, layers.Subtract, layers.Multiply)
ELEMENTWISE = (*ARITHMETIC, layers.Maximum, layers.Minimum)
ACTIVATION = (
    layers.Activation,
    layers.ELU,
    layers.LeakyReLU,
    layers.ReLU,
    layers.Softmax,
    ours.PowerActivation,
    ReciprocalRoot,
)
# Taken apart into layers that the export writes one by one.
COMPOSED = (
    layers.LayerNormalization,
    ours.HybridAttention,
    ours.HybridEncoderBlock,
    ours.HybridFeedForward,
)
MATRICES = (HeadsMatMul,)
POSITIONS = (PositionEmbedding,)
SHAPE = (layers.Flatten, layers.Reshape, layers.Permute)
# Rounding to int8 while training; an int8 network does it by itself.
FAKE_QUANTIZATION = (ours.FakeQuantization,)
PADDING = (layers.ZeroPadding1D, layers.ZeroPadding2D)
KNOWN = (
    *KERNEL,
    *SPLIT,
    *TRAINING_ONLY,
    *POOLING,
    *GLOBAL_POOLING,
    *AFFINE,
    *ELEMENTWISE,
    *ACTIVATION,
    *SHAPE,
    *FAKE_QUANTIZATION,
    *PADDING,
    *COMPOSED,
    *POSITIONS,
    layers.Concatenate,
)
ACTIVATIONS = {
    keras.activations.linear: "linear",
    keras.activations.relu: "relu",
    keras.activations.relu6: "relu6",
    keras.activations.leaky_relu: "leaky_relu",
    keras.activations.sigmoid: "sigmoid",
    keras.activations.tanh: "tanh",
    keras.activations.softmax: "softmax",
    keras.activations.elu: "elu",
    keras.activations.silu: "silu",
    keras.activations.hard_silu: "hard_silu",
    keras.activations.gelu: "gelu",
}


def activation_name(layer: keras.layers.Layer) -> str:
    """The name of a layer's activation.

    Raises:
        UnsupportedLayerError: If the activation is not known to the export.
    """
    activation = getattr(layer, "activation", None)
    if activation is None:
        return "linear"
    try:
        return ACTIVATIONS[activation]
    except (KeyError, TypeError):
        raise UnsupportedLayerError(
            f"The activation of layer '{layer.name}' ({type(layer).__name__}) must be one of "
            f"{', '.join(ACTIVATIONS.values())}. "
            f"Received: {getattr(activation, '__name__', activation)}."
        ) from None


def operator(layer: Any) -> str:
    """Which operation a kernel takes part in: "conv", "shift" or "adder"."""
    return str(getattr(layer, "operator", "conv"))


def check_layer(layer: keras.layers.Layer) -> None:
    """Raises if the layer, or its settings, cannot be exported.

    Raises:
        UnsupportedLayerError: If the class or a setting is not known.
        ValueError: If a weight is not finite.
    """
    # A subclass may compute something else, so the class itself is asked for.
    if type(layer) not in KNOWN:
        raise UnsupportedLayerError(
            "Every layer of `model` must be one that the export knows (docs/export.md lists "
            f"them). Received: layer '{layer.name}' of class {type(layer).__name__}."
        )
    activation_name(layer)
    problem = _problem(layer)
    if problem:
        raise UnsupportedLayerError(
            f"Layer '{layer.name}' ({type(layer).__name__}) cannot be exported: {problem}."
        )
    _check_weights(layer)
    if isinstance(layer, ours.ShiftAdderConv2D):
        check_layer(layer.shift)
        check_layer(layer.adder)


def _problem(layer: Any) -> str | None:
    kind = type(layer)
    if isinstance(layer, COMPOSED):
        return check_composed(layer)
    if getattr(layer, "data_format", None) == "channels_first":
        return "it has data_format='channels_first'; build the model with 'channels_last'"
    if getattr(layer, "quantization_mode", None) is not None:
        return "its weights were quantised by Keras; export the float model"
    if kind is ours.FakeQuantization and layer.num_bits != 8:
        return f"its num_bits must be 8. Received: num_bits={layer.num_bits}"
    if kind is layers.Normalization and layer.invert:
        return "invert=True is not supported"
    if kind is layers.ReLU and layer.threshold != 0:
        return f"its threshold must be 0. Received: threshold={layer.threshold}"
    if kind is layers.ReLU and layer.negative_slope and layer.max_value is not None:
        return "negative_slope and max_value together are not supported"
    return None


def _check_weights(layer: keras.layers.Layer) -> None:
    for weight in layer.weights:
        values = np.asarray(keras.ops.convert_to_numpy(weight.value), np.float64)
        bad = int(np.sum(~np.isfinite(values)))
        if bad:
            raise ValueError(
                f"The weights of `model` must be finite. Received: weight '{weight.path}' of "
                f"layer '{layer.name}' with {bad} of {math.prod(values.shape)} entries NaN or "
                "infinite."
            )
