"""A small network of all operators, its data, and what its tests need.

The process that trains runs on TensorFlow whatever the backend. Where the tests run once, on
another one, models come and go between two.
"""

import importlib.util

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

SHAPE, CLASSES = (8, 8, 2), 3
NEEDS_MODEL_OPTIMIZATION = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_model_optimization") is None
    or importlib.util.find_spec("tf_keras") is None,
    reason="tensorflow-model-optimization or tf-keras is missing: "
    'pip install "keras-shiftadd[compression]"',
)


def network():
    """Conv, shift and adder layers, a residual sum, compiled."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = keras.layers.BatchNormalization(name="stem_norm")(x)
    x = keras.layers.ReLU(name="stem_relu")(x)
    y = ksa.layers.ShiftConv2D(8, 3, padding="same", use_bias=False, name="shift")(x)
    y = keras.layers.BatchNormalization(name="shift_norm")(y)
    x = keras.layers.Add(name="sum")([x, y])
    x = ksa.layers.AdderConv2D(8, 3, strides=2, use_bias=False, name="adder")(x)
    x = keras.layers.BatchNormalization(name="adder_norm")(x)
    x = keras.layers.ReLU(name="adder_relu")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, keras.layers.Dense(CLASSES, name="classifier")(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss, metrics=["accuracy"])
    return model


def data(samples=96):
    """Images whose class is where their bright half is."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, samples)
    x = rng.normal(size=(samples, *SHAPE)).astype("float32")
    x[np.arange(samples), :, y, 0] += 2.0
    return x, y


def kernels(model):
    """The kernels of a model by the names of the layers."""
    return {
        layer.name: keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    }
