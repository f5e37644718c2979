"""What several tests of the export use.

Errors are in steps of the int8 output. Rounding of input, weights and output alone costs up to
about 2 steps; the adder's differences cost one more.
"""

import keras
import numpy as np
import pytest
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers

# The layers of each operator.
CONVOLUTIONS = {
    "conv": layers.Conv2D,
    "shift": ksa_layers.ShiftConv2D,
    "adder": ksa_layers.AdderConv2D,
}
DEPTHWISE = {
    "conv": layers.DepthwiseConv2D,
    "shift": ksa_layers.ShiftDepthwiseConv2D,
    "adder": ksa_layers.AdderDepthwiseConv2D,
}
SEQUENCES = {
    "conv": layers.Conv1D,
    "shift": ksa_layers.ShiftConv1D,
    "adder": ksa_layers.AdderConv1D,
}
DENSE = {"conv": layers.Dense, "shift": ksa_layers.ShiftDense, "adder": ksa_layers.AdderDense}

# JAX compiles each layer anew, which takes seconds for an adder layer.
not_on_jax = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="does not depend on the backend, and is slow on JAX"
)
MOST_STEPS = 4.5
MOST_RELATIVE = 0.05
BETWEEN_RUNTIMES = 1


def normal(*shape: int, count: int = 24) -> np.ndarray:
    """Normally distributed samples, always the same."""
    return np.random.default_rng(0).normal(size=(count, *shape)).astype("float32")


def sequential(shape: tuple[int, ...], *inner: layers.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input(shape), *inner])


def normalized(inputs: keras.KerasTensor, layer: layers.Layer) -> keras.KerasTensor:
    """A layer with its BatchNormalization and ReLU."""
    return layers.ReLU()(layers.BatchNormalization()(layer(inputs)))


def hybrid_network(shape: tuple[int, ...] = (12, 12, 3), classes: int = 6) -> keras.Model:
    """Conv, shift, adder and shift-adder layers, with a residual sum."""
    inputs = keras.Input(shape)
    x = normalized(inputs, layers.Conv2D(8, 3, padding="same", use_bias=False))
    x = normalized(x, ksa_layers.ShiftConv2D(12, 3, strides=2, padding="same", use_bias=False))
    y = normalized(x, ksa_layers.AdderConv2D(12, 3, padding="same", use_bias=False))
    x = layers.Add()([x, layers.Dropout(0.2)(y)])
    x = normalized(x, ksa_layers.ShiftAdderConv2D(12, 3))
    return keras.Model(inputs, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def settle(model: keras.Model, data: np.ndarray) -> keras.Model:
    """Gives all BatchNormalization layers the statistics of the data."""
    found = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
    model(data, training=True)
    for layer, momentum in zip(found, momenta, strict=True):
        layer.momentum = momentum
    return model


def predict(model: keras.Model, data: np.ndarray) -> np.ndarray:
    """Float predictions, without compiling a function for each small model."""
    return np.asarray(keras.ops.convert_to_numpy(model(data, training=False)), "float32")


def hold(model, data, to_file, most_steps=MOST_STEPS, between=BETWEEN_RUNTIMES, **arguments):
    """The file agrees with the model, and tflite-micro with LiteRT; returns the file."""
    path = to_file(model, data, **arguments)
    litert = export.Interpreter(path, "litert")
    step = litert.output_details.scale
    expected = predict(model, data)
    received = litert.predict(data)
    assert expected.std() > 0
    assert np.max(np.abs(received - expected)) <= most_steps * step
    relative = np.sqrt(np.mean((received - expected) ** 2)) / expected.std()
    assert relative <= MOST_RELATIVE
    micro = export.Interpreter(path, "tflite-micro").predict(data)
    assert np.max(np.abs(micro - received)) <= (between + 0.01) * step
    return path
