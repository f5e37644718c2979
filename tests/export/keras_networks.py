"""Three networks for small devices, with weights like those of trained ones.

Weights are heavy-tailed, each channel of a BatchNormalization has a gain and an offset of its own,
and its statistics are those of the data: every channel is used, and gains of adders differ in sign.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from export_helpers import CONVOLUTIONS, DENSE, DEPTHWISE, SEQUENCES, settle
from keras import layers


def gestures(operators: tuple[str, ...] = ("conv", "shift", "adder")) -> keras.Model:
    """Windows of 128 samples from 6 axes of a motion sensor, 7 classes; one-dimensional."""
    inputs = x = keras.Input((128, 6))
    for index, filters in enumerate((16, 24, 32)):
        conv = SEQUENCES[operators[index % len(operators)]]
        x = conv(filters, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(inputs, DENSE["conv"](7)(x), name="gestures")


def keyword_spotting(operators: tuple[str, ...] = ("conv", "shift", "adder")) -> keras.Model:
    """A depthwise-separable network (DS-CNN) over 49 frames of 10 coefficients, 12 classes."""
    inputs = keras.Input((49, 10, 1))
    x = _conv(inputs, operators[0], 16, (10, 4), strides=(2, 2))
    for index in range(4):
        operator = operators[(index + 1) % len(operators)]
        x = DEPTHWISE[operator](3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = _conv(x, operator, 16, (1, 1))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(12)(x), name="keyword_spotting")


def resnet8(operators: tuple[str, ...] = ("conv", "shift", "adder")) -> keras.Model:
    """The residual network of eight layers for images of 32 by 32, 10 classes."""
    inputs = keras.Input((32, 32, 3))
    x = _conv(inputs, operators[0], 8, (3, 3))
    for index, filters in enumerate((8, 16, 32)):
        operator = operators[index % len(operators)]
        strides = 1 if index == 0 else 2
        y = _conv(x, operator, filters, (3, 3), strides=strides)
        y = _conv(y, operator, filters, (3, 3), activation=False)
        if index:
            x = _conv(x, operator, filters, (1, 1), strides=strides, activation=False)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Softmax()(layers.Dense(10)(x)), name="resnet8")


NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "gestures": gestures,
    "keyword_spotting": keyword_spotting,
    "resnet8": resnet8,
}


def as_trained(
    model: keras.Model, rng: np.random.Generator, samples: int = 32
) -> tuple[keras.Model, np.ndarray]:
    """Gives a network its weights; returns it with data for which its statistics are right."""
    data = rng.normal(size=(samples, *model.input_shape[1:])).astype("float32")
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.gamma.assign(rng.uniform(0.4, 1.6, shape))
            layer.beta.assign(rng.normal(0.1, 0.3, shape))
        elif hasattr(layer, "kernel"):
            kernel = layer.kernel
            spread = np.sqrt(1.0 / np.prod(kernel.shape[:-1]))
            if "Adder" in type(layer).__name__:
                spread = 0.7
            kernel.assign(rng.laplace(scale=spread, size=kernel.shape))
    return settle(model, data), data


def _conv(
    x: Any,
    operator: str,
    filters: int,
    size: tuple[int, int],
    strides: Any = 1,
    activation: bool = True,
) -> Any:
    conv = CONVOLUTIONS[operator](filters, size, strides=strides, padding="same", use_bias=False)
    x = layers.BatchNormalization()(conv(x))
    return layers.ReLU()(x) if activation else x
