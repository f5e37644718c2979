"""Helpers for the tests of the export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_shiftadd import export


@pytest.fixture
def samples(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """Makes normally distributed samples of a shape."""

    def make(*shape: int, count: int = 24) -> np.ndarray:
        return rng.normal(size=(count, *shape)).astype("float32")

    return make


@pytest.fixture
def to_file(tmp_path: Path) -> Callable[..., Path]:
    """Exports a model to a file."""

    def make(model: keras.Model, data: np.ndarray, **arguments: Any) -> Path:
        path = tmp_path / "model.tflite"
        export.to_tflite(model, path, data, verbose=0, **arguments)
        return path

    return make


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
