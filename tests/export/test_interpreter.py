"""The interpreters."""

import sys

import numpy as np
import pytest
from export_helpers import normal, sequential
from keras import layers
from tflite_files import FileBuilder

from keras_shiftadd import export


@pytest.fixture(scope="module")
def file_and_data(tmp_path_factory):
    data = normal(6, 5, 2)
    path = tmp_path_factory.mktemp("interpreter") / "model.tflite"
    export.to_tflite(sequential((6, 5, 2), layers.Conv2D(3, 3)), path, data, verbose=0)
    return path, data


@pytest.mark.parametrize("runtime", export.RUNTIMES)
def test_details(runtime, file_and_data):
    path, data = file_and_data
    interpreter = export.Interpreter(path, runtime)
    assert interpreter.input_details.shape == (1, 6, 5, 2)
    assert interpreter.output_details.shape == (1, 4, 3, 3)
    assert interpreter.input_details.dtype == np.int8
    low, high = min(data.min(), 0.0), max(data.max(), 0.0)
    assert interpreter.input_details.scale == pytest.approx((high - low) / 255, rel=1e-5)


@pytest.mark.parametrize("runtime", export.RUNTIMES)
def test_predictions_are_the_dequantised_integers(runtime, file_and_data):
    path, data = file_and_data
    interpreter = export.Interpreter(path, runtime)
    inputs, outputs = interpreter.input_details, interpreter.output_details
    integers = np.clip(np.rint(data / inputs.scale) + inputs.zero_point, -128, 127)
    received = interpreter.predict_quantized(integers.astype(np.int8))
    assert received.dtype == np.int8
    expected = (received.astype(np.float32) - outputs.zero_point) * np.float32(outputs.scale)
    np.testing.assert_allclose(interpreter.predict(data), expected, rtol=1e-6)


def test_values_beyond_the_range_are_saturated(file_and_data):
    path, data = file_and_data
    interpreter = export.Interpreter(path)
    limit = np.abs(data).max()
    far = interpreter.predict(np.full((1, 6, 5, 2), 100 * limit, "float32"))
    farther = interpreter.predict(np.full((1, 6, 5, 2), 1000 * limit, "float32"))
    np.testing.assert_array_equal(far, farther)


def test_no_samples_give_no_predictions(file_and_data):
    path, data = file_and_data
    assert export.Interpreter(path).predict(data[:0]).shape == (0, 4, 3, 3)


def test_arena_is_told_by_tflite_micro_only(file_and_data):
    path, _ = file_and_data
    assert export.Interpreter(path, "litert").arena_bytes is None
    arena = export.Interpreter(path, "tflite-micro").arena_bytes
    assert arena >= 6 * 5 * 2 + 4 * 3 * 3


def test_arena_that_is_large_enough_is_taken(file_and_data):
    path, data = file_and_data
    free = export.Interpreter(path, "tflite-micro")
    expected = free.predict(data[:2])
    bounded = export.Interpreter(path, "tflite-micro", arena_size=2 * free.arena_bytes)
    np.testing.assert_array_equal(bounded.predict(data[:2]), expected)


def test_arena_that_is_too_small_is_named(file_and_data):
    path, _ = file_and_data
    with pytest.raises(RuntimeError, match="arena of 512 bytes is too small"):
        export.Interpreter(path, "tflite-micro", arena_size=512)


def test_unknown_runtime(file_and_data):
    with pytest.raises(ValueError, match="`runtime` must be one of litert, tflite-micro"):
        export.Interpreter(file_and_data[0], "onnx")


@pytest.mark.parametrize("shape", [(6, 5, 2), (3, 5, 6, 2), (3, 60)])
def test_wrong_shape(shape, file_and_data):
    with pytest.raises(ValueError, match="`x` must have shape"):
        export.Interpreter(file_and_data[0]).predict(np.zeros(shape))


def test_float_data_for_integers(file_and_data):
    path, data = file_and_data
    with pytest.raises(ValueError, match="dtype of the model's input, int8"):
        export.Interpreter(path).predict_quantized(data)


@pytest.mark.parametrize(
    ("runtime", "package", "command"),
    [
        ("litert", "ai_edge_litert.interpreter", r"keras-shiftadd\[export\]"),
        ("tflite-micro", "tflite_micro", "pip install --pre tflite-micro"),
    ],
)
def test_missing_runtime_names_its_installation(
    runtime, package, command, file_and_data, monkeypatch
):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=command):
        export.Interpreter(file_and_data[0], runtime)


@pytest.mark.parametrize("runtime", export.RUNTIMES)
def test_float_files_run(runtime, tmp_path):
    builder = FileBuilder()
    builder.operator("ABS", [builder.tensor((1, 4))], [builder.tensor((1, 4))])
    path = builder.write(tmp_path / "float.tflite")
    values = np.float32([[-1.5, 0.0, 2.5, -3.0]])
    interpreter = export.Interpreter(path, runtime)
    assert interpreter.input_details.dtype == np.float32
    np.testing.assert_array_equal(interpreter.predict(values), np.abs(values))


def test_files_for_several_samples_are_refused(tmp_path):
    builder = FileBuilder()
    builder.operator("ABS", [builder.tensor((3, 4))], [builder.tensor((3, 4))])
    path = builder.write(tmp_path / "batch.tflite")
    with pytest.raises(ValueError, match="one sample at a time"):
        export.Interpreter(path)
