"""What several tests of the export use.

Errors are in steps of the int8 output. Rounding of input, weights and output alone costs up to
about 2 steps; the adder's differences cost one more.
"""

import keras
import numpy as np
import pytest

from keras_shiftadd import export

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


def sequential(shape: tuple[int, ...], *layers: keras.layers.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input(shape), *layers])


def settle(model: keras.Model, data: np.ndarray) -> keras.Model:
    """Gives all BatchNormalization layers the statistics of the data."""
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
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
