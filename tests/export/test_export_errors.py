"""Bad input: a clear error that names the argument, and nothing left in the folder."""

import os
import sys

import keras
import numpy as np
import pytest
from export_helpers import sequential
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers


@keras.saving.register_keras_serializable(package="keras_shiftadd_tests")
class Doubled(layers.Dense):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


@pytest.fixture
def model():
    # Built anew for each test: some change its weights.
    return sequential((6, 6, 2), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(4))


@pytest.fixture
def data(samples):
    return samples(6, 6, 2, count=8)


@pytest.fixture
def refuses(tmp_path, data):
    """Exports, expects an error, and an empty folder afterwards."""

    def check(error, match, model, calibration_data=None, path=None, **arguments):
        given = data if calibration_data is None else calibration_data
        target = tmp_path / "model.tflite" if path is None else path
        with pytest.raises(error, match=match):
            export.to_tflite(model, target, given, verbose=0, **arguments)
        assert [item for item in tmp_path.rglob("*") if item.is_file()] == []

    return check


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: np.zeros((8, 6, 6)), ValueError, "`calibration_data` must have the shape"),
        (lambda: np.zeros((6, 6, 2)), ValueError, "`calibration_data` must have the shape"),
        (lambda: np.zeros((8, 5, 6, 2)), ValueError, r"Received: shape \(8, 5, 6, 2\)"),
        (lambda: np.zeros((0, 6, 6, 2)), ValueError, "`calibration_data` must have at least one"),
        (lambda: np.full((8, 6, 6, 2), np.nan), ValueError, "`calibration_data` must be finite"),
        (lambda: np.full((8, 6, 6, 2), 1e300), ValueError, "`calibration_data` must be finite"),
        (lambda: np.full((8, 6, 6, 2), "a"), TypeError, "`calibration_data` must be an array"),
        (lambda: np.full((8, 6, 6, 2), 1j), TypeError, "`calibration_data` must be an array"),
        (lambda: [[1.0], [2.0, 3.0]], TypeError, "`calibration_data` must be an array"),
        (lambda: iter([1, 2]), TypeError, "`calibration_data` must be an array"),
    ],
    ids=[
        "rank",
        "sample",
        "shape",
        "empty",
        "nan",
        "huge",
        "text",
        "complex",
        "ragged",
        "iterator",
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_calibration_data(make, error, match, model, refuses):
    refuses(error, match, model, calibration_data=make())


def test_evaluation_data_of_the_wrong_shape(model, refuses):
    match = "`evaluation_data` must have the shape"
    refuses(ValueError, match, model, evaluation_data=np.zeros((3, 6, 6, 1)))


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (np.zeros(7), "one entry for each of the 8 samples"),
        (np.zeros((8, 3)), "one entry for each of the 8 samples"),
        (np.full(8, 4), "whole numbers from 0 to 3"),
        (np.full(8, -1), "whole numbers from 0 to 3"),
        (np.full(8, 0.5), "whole numbers from 0 to 3"),
    ],
)
def test_labels(labels, match, model, refuses):
    refuses(ValueError, match, model, labels=labels)


def test_labels_for_a_model_without_classes(refuses):
    model = sequential((6, 6, 2), layers.Conv2D(3, 3))
    refuses(ValueError, "`labels` need a model", model, labels=np.zeros(8))


def test_missing_folder(model, tmp_path, refuses):
    path = tmp_path / "absent" / "model.tflite"
    refuses(FileNotFoundError, "The folder of `path` must exist", model, path=path)
    assert not path.parent.exists()


def test_path_that_is_a_folder(model, tmp_path, refuses):
    refuses(IsADirectoryError, "`path` must name the file", model, path=tmp_path)


def test_path_that_is_no_path(model, refuses):
    refuses(TypeError, "`path` must be a path", model, path=3)


def test_read_only_folder(model, tmp_path, refuses, monkeypatch):
    folder = tmp_path / "locked"
    folder.mkdir()
    # Permissions do not bind the superuser, who may run these tests.
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(folder))
    refuses(PermissionError, "must be writable", model, path=folder / "model.tflite")


@pytest.mark.parametrize("bound", [0, -1, 1.5, True, None])
def test_scratch_that_is_no_positive_integer(bound, model, refuses):
    match = "`max_scratch_bytes` must be a positive integer"
    refuses(ValueError, match, model, max_scratch_bytes=bound)


def test_scratch_that_is_too_small_for_an_adder(refuses):
    model = sequential((6, 6, 2), ksa_layers.AdderConv2D(4, 3, name="wide"))
    match = "`max_scratch_bytes` must be at least .* 'wide'"
    refuses(ValueError, match, model, max_scratch_bytes=30)


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (lambda: layers.UnitNormalization(name="norm"), "'norm' of class UnitNormalization"),
        (lambda: layers.Lambda(lambda x: 2 * x, name="twice"), "'twice' of class Lambda"),
        (lambda: Doubled(3, name="doubled"), "'doubled' of class Doubled"),
        (lambda: layers.Conv2D(3, 3, activation="mish", name="c"), "layer 'c'.*Received: mish"),
        (lambda: layers.BatchNormalization(axis=1, name="b"), "layer 'b'.*last one"),
        (lambda: layers.Softmax(axis=1, name="s"), "layer 's' with axis=1"),
        (lambda: layers.ELU(alpha=0.5, name="e"), "layer 'e' with alpha=0.5"),
        (lambda: layers.ReLU(threshold=1.0, name="r"), "'r'.*threshold must be 0"),
        (
            lambda: layers.MaxPooling2D(2, data_format="channels_first", name="m"),
            "'m'.*channels_first",
        ),
    ],
    ids=["class", "lambda", "subclass", "mish", "axis", "softmax", "elu", "relu", "channels_first"],
)
def test_unsupported_layers(layer, match, refuses):
    refuses(export.UnsupportedLayerError, match, sequential((6, 6, 2), layer()))


def test_function_outside_a_layer(refuses):
    inputs = keras.Input((6, 6, 2))
    match = "outside a layer"
    refuses(export.UnsupportedLayerError, match, keras.Model(inputs, inputs + 1.0))


def test_subclassed_model(refuses):
    model = Subclassed()
    model(np.zeros((1, 3), "float32"))
    match = "`model` must be a Functional or Sequential"
    refuses(ValueError, match, model, calibration_data=np.zeros((4, 3)))


def test_object_that_is_no_model(refuses):
    refuses(TypeError, "`model` must be a keras.Model", "model.keras")


def test_unbuilt_model(refuses):
    refuses(ValueError, "`model` must be built", keras.Sequential([layers.Dense(2)]))


def test_open_input_shape(refuses):
    model = sequential((None, None, 2), layers.Conv2D(3, 3), layers.GlobalMaxPooling2D())
    refuses(ValueError, "known size in every axis", model)


def test_two_inputs(refuses):
    inputs = [keras.Input((4,)), keras.Input((4,))]
    model = keras.Model(inputs, layers.Add()(inputs))
    refuses(ValueError, "Received: .* with 2 inputs and 1 outputs", model)


def test_two_outputs(refuses):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(2)(inputs), layers.Dense(3)(inputs)])
    refuses(ValueError, "Received: .* with 1 inputs and 2 outputs", model)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value, model, refuses):
    layer = model.layers[2]
    kernel, bias = layer.get_weights()
    bias[1] = value
    layer.set_weights([kernel, bias])
    refuses(ValueError, f"weight '.*bias' of layer '{layer.name}' with 1 of 4", model)


def test_model_that_overflows_on_the_data(data, refuses):
    model = sequential((6, 6, 2), layers.Rescaling(1e30, name="big"), layers.Rescaling(1e30))
    refuses(ValueError, "infinity behind layer", model)


def test_missing_package_names_the_extra(model, refuses, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)
    refuses(ImportError, r"keras-shiftadd\[export\]", model)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_export_leaves_nothing(error, model, refuses, monkeypatch):
    def interrupted(*arguments):
        raise error("stopped")

    monkeypatch.setattr(export.Interpreter, "predict", interrupted)
    refuses(error, "stopped", model)


def test_failed_export_keeps_the_older_file(model, data, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"older")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(export.Interpreter, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.to_tflite(model, path, data, verbose=0)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]
