"""What an export reports, prints and leaves alone."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from export_helpers import normal, predict, sequential, settle
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers


@pytest.fixture(scope="module")
def model_and_data():
    data = normal(8, 8, 2, count=32)
    model = sequential(
        (8, 8, 2),
        ksa_layers.AdderConv2D(6, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    )
    return settle(model, data), data


def test_report_agrees_with_the_file(model_and_data, tmp_path):
    model, data = model_and_data
    path = tmp_path / "model.tflite"
    report = export.to_tflite(model, path, data, verbose=0)
    received = export.Interpreter(path).predict(data)
    expected = predict(model, data)
    assert report.path == path
    assert report.size_bytes == path.stat().st_size
    assert report.operators == export.audit(path).counts
    assert report.samples == len(data)
    assert report.runtime == "litert"
    error = np.abs(received - expected)
    assert report.mean_absolute_error == pytest.approx(error.mean(), rel=1e-3)
    assert report.max_absolute_error == pytest.approx(error.max(), rel=1e-3)
    same = received.argmax(axis=1) == expected.argmax(axis=1)
    assert report.agreement == pytest.approx(same.mean())
    assert report.float_accuracy is None
    assert report.int8_accuracy is None


@pytest.mark.parametrize("kind", ["numbers", "column", "one-hot"])
def test_accuracies(kind, model_and_data, tmp_path):
    model, data = model_and_data
    classes = predict(model, data).argmax(axis=1)
    # A quarter of the labels is wrong on purpose.
    classes[:8] = (classes[:8] + 1) % 3
    labels = {"numbers": classes, "column": classes[:, None], "one-hot": np.eye(3)[classes]}[kind]
    path = tmp_path / "model.tflite"
    report = export.to_tflite(model, path, data, labels=labels, verbose=0)
    received = export.Interpreter(path).predict(data).argmax(axis=1)
    assert report.float_accuracy == pytest.approx(0.75)
    assert report.int8_accuracy == pytest.approx(np.mean(received == classes))


def test_evaluation_data_is_what_is_compared(model_and_data, tmp_path):
    model, data = model_and_data
    other = 0.5 * data[:12]
    classes = predict(model, other).argmax(axis=1)
    report = export.to_tflite(
        model,
        tmp_path / "model.tflite",
        calibration_data=data,
        labels=classes,
        evaluation_data=other,
        verbose=0,
    )
    assert report.samples == 12
    assert report.float_accuracy == 1.0


def test_output_without_classes_has_no_agreement(samples, tmp_path):
    model = sequential((8, 8, 2), layers.Conv2D(3, 3))
    report = export.to_tflite(model, tmp_path / "model.tflite", samples(8, 8, 2), verbose=0)
    assert report.agreement is None
    assert report.mean_absolute_error > 0


def test_text(model_and_data, tmp_path):
    model, data = model_and_data
    labels = np.zeros(len(data))
    text = str(export.to_tflite(model, tmp_path / "m.tflite", data, labels=labels, verbose=0))
    for word in ("m.tflite", "bytes", "SUB", "same class for", "accuracy: float"):
        assert word in text


def test_silent_and_talkative(model_and_data, tmp_path, capfd):
    model, data = model_and_data
    export.to_tflite(model, tmp_path / "m.tflite", data, verbose=0)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
    export.to_tflite(model, tmp_path / "m.tflite", data)
    assert "to_tflite: " in capfd.readouterr().out


def test_model_and_environment_stay_as_they_were(model_and_data, tmp_path):
    model, data = model_and_data
    weights = [weight.copy() for weight in model.get_weights()]
    config, environment = model.get_config(), dict(os.environ)
    export.to_tflite(model, tmp_path / "m.tflite", data, verbose=0)
    assert dict(os.environ) == environment
    assert model.get_config() == config
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_same_model_gives_the_same_file(model_and_data, tmp_path):
    model, data = model_and_data
    contents = []
    for _ in range(2):
        export.to_tflite(model, tmp_path / "m.tflite", data, verbose=0)
        contents.append((tmp_path / "m.tflite").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8"])
def test_data_of_other_number_types(dtype, samples, tmp_path):
    model = sequential((8, 8, 2), layers.Conv2D(3, 3))
    data = (10 * np.abs(samples(8, 8, 2))).astype(dtype)
    export.to_tflite(model, tmp_path / "m.tflite", data, verbose=0)
    assert (tmp_path / "m.tflite").exists()


def test_saved_model_exports_to_the_same_file(model_and_data, tmp_path):
    model, data = model_and_data
    export.to_tflite(model, tmp_path / "before.tflite", data, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    export.to_tflite(loaded, tmp_path / "after.tflite", data, verbose=0)
    before, after = (tmp_path / f"{name}.tflite" for name in ("before", "after"))
    assert before.read_bytes() == after.read_bytes()


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow is the backend")
def test_export_does_not_import_tensorflow(tmp_path):
    program = f"""
import sys, keras, numpy, keras_shiftadd as ksa
model = keras.Sequential([keras.Input((6, 6, 2)), ksa.layers.AdderConv2D(3, 3)])
ksa.export.to_tflite(model, {str(tmp_path / "m.tflite")!r}, numpy.ones((2, 6, 6, 2)), verbose=0)
assert "tensorflow" not in sys.modules
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
