"""Which function of single numbers an activation layer is."""

from typing import Any

import keras

from keras_shiftadd.export._model.known_layers import activation_name
from keras_shiftadd.export._model.parts import ReciprocalRoot
from keras_shiftadd.layers import PowerActivation


def activation_function(layer: Any) -> tuple[str, float]:
    """The name of a function, and its parameter.

    Args:
        layer: An activation layer, or any other with an `activation`.

    Returns:
        A name of `known_layers.ACTIVATIONS`, or `"power"`; and the slope of `"leaky_relu"` for
        negative numbers, the alpha of `"elu"` or the exponent of `"power"`. Other functions have
        none.

    Raises:
        UnsupportedLayerError: If the activation is not known to the export.
    """
    if isinstance(layer, keras.layers.LeakyReLU):
        return "leaky_relu", float(layer.negative_slope)
    if isinstance(layer, keras.layers.ReLU):
        slope = float(layer.negative_slope or 0.0)
        return ("leaky_relu" if slope else "relu"), slope
    if isinstance(layer, keras.layers.ELU):
        return "elu", float(layer.alpha)
    if isinstance(layer, keras.layers.Softmax):
        return "softmax", 0.0
    if isinstance(layer, ReciprocalRoot):
        return "rsqrt", float(layer.epsilon)
    if isinstance(layer, PowerActivation):
        exponent = float(keras.ops.convert_to_numpy(layer.exponent))
        return "power", max(exponent, layer.min_exponent)
    name = activation_name(layer)
    # The slope of Keras' function leaky_relu, and the alpha of elu.
    return name, 0.2 if name == "leaky_relu" else 1.0
