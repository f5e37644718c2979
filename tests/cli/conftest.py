"""A small model in a file, for the commands to read."""

import keras
import pytest

import keras_shiftadd as ksa


@pytest.fixture
def model_file(tmp_path):
    """A saved hybrid model."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            ksa.layers.ShiftConv2D(4, 3, name="shift"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(3, name="head"),
        ],
        name="small",
    )
    path = tmp_path / "small.keras"
    model.save(path)
    return path


@pytest.fixture
def open_model_file(tmp_path):
    """A saved model that leaves the size of its input open."""
    model = keras.Sequential([keras.Input((None, None, 2)), keras.layers.Conv2D(4, 3)])
    path = tmp_path / "open.keras"
    model.save(path)
    return path
