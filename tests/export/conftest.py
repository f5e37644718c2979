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
