"""Runs an int8 network through its file in every runtime."""

import pathlib

import numpy as np
import pytest

from keras_shiftadd import export
from keras_shiftadd.custom_ops import _library
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.reference import run
from keras_shiftadd.export._tflite.write_model import write_model


def require_operators() -> None:
    """Skips where the libraries of the custom operators are missing."""
    for name in ("litert", "tflite_micro"):
        try:
            _library.binding_file(name)
        except RuntimeError as error:
            pytest.skip(f"{error}: python custom_ops/build.py")


def assert_runs_alike(model: IntegerModel, x: np.ndarray, folder: pathlib.Path) -> None:
    """LiteRT and tflite-micro give the bits of the reference."""
    path = folder / "network.tflite"
    path.write_bytes(write_model(model))
    expected = run(model, x)
    for runtime in export.RUNTIMES:
        received = export.Interpreter(path, runtime, exact=True).predict_quantized(x)
        np.testing.assert_array_equal(received, expected, runtime)
