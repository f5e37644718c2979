"""SavedModels that hold the compiled ops."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _library

if keras.config.backend() != "tensorflow":
    pytest.skip(
        "needs Keras' TensorFlow backend: KERAS_BACKEND=tensorflow", allow_module_level=True
    )

import tensorflow as tf

from keras_shiftadd.custom_ops import tensorflow_binding as binding

try:
    binding.load()
except _library.CompiledOpsUnavailable as unavailable:
    pytest.skip(f"{unavailable}: keras-shiftadd build --force", allow_module_level=True)

OP = b"ShiftaddAdderConv"
IN_A_NEW_PROCESS = """
import sys
import numpy as np
import tensorflow as tf
import keras_shiftadd as ksa

folder, result = sys.argv[1:]
x = np.load(result)["x"]
try:
    tf.saved_model.load(folder)
except RuntimeError as error:
    assert "not registered 'ShiftaddAdderConv" in str(error), error
else:
    raise SystemExit("TensorFlow alone must not know the op")
model = ksa.load_saved_model(folder)
with tf.GradientTape() as tape:
    y = model.serve(x)
(dw,) = tape.gradient(y, model.trainable_variables[:1])
np.savez(result, y=y, dw=dw)
"""


@pytest.fixture(autouse=True)
def _best_form(monkeypatch):
    monkeypatch.setenv("KERAS_SHIFTADD_OPS", "native")


def adder_model():
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            ksa.layers.AdderConv2D(4, 3, strides=2, padding="same", use_bias=False),
            keras.layers.BatchNormalization(),
            ksa.layers.AdderDepthwiseConv2D(3, use_bias=False),
            keras.layers.BatchNormalization(),
        ]
    )


def graph(folder):
    return (pathlib.Path(folder) / "saved_model.pb").read_bytes()


def test_an_exported_model_predicts_and_has_gradients_in_another_process(tmp_path, rng):
    model, folder, result = adder_model(), tmp_path / "model", tmp_path / "result.npz"
    model.export(folder, verbose=False)
    assert OP in graph(folder)
    x = rng.normal(size=(2, 12, 11, 3)).astype("float32")
    np.savez(result, x=x)
    with tf.GradientTape() as tape:
        y = model(x)
    dw = tape.gradient(y, model.trainable_variables[0])
    subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS, str(folder), str(result)],
        # The library is loaded for a SavedModel whatever the form of new operations is.
        env={**os.environ, "KERAS_SHIFTADD_OPS": "python"},
        check=True,
        timeout=300,
    )
    loaded = np.load(result)
    np.testing.assert_allclose(loaded["y"], y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(loaded["dw"], dw, rtol=1e-5, atol=1e-5 * np.abs(dw).max())


def test_a_module_of_tensorflow_is_saved_with_its_gradients(tmp_path, rng):
    layer = ksa.layers.AdderConv2D(4, 3)
    x = tf.constant(rng.normal(size=(1, 5, 5, 2)), "float32")
    layer.build(x.shape)
    module = tf.Module()
    module.call = tf.function(layer, input_signature=[tf.TensorSpec((None, 5, 5, 2))])
    module.weights = [weight.value for weight in layer.weights]
    tf.saved_model.save(module, tmp_path)
    loaded = ksa.load_saved_model(tmp_path)
    gradients = []
    for call in (layer, loaded.call):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = call(x)
        gradients.append(tape.gradient(y, x))
    np.testing.assert_array_equal(*gradients)


def test_a_model_without_compiled_ops_needs_no_library(tmp_path, rng, monkeypatch):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.export(tmp_path / "model", verbose=False)
    monkeypatch.setattr(_library, "library_folder", lambda: tmp_path / "nothing")
    x = rng.normal(size=(2, 3)).astype("float32")
    loaded = ksa.load_saved_model(tmp_path / "model")
    np.testing.assert_allclose(loaded.serve(x), model(x), rtol=1e-6)


def test_a_missing_library_is_named_with_the_command_that_builds_it(tmp_path, monkeypatch):
    adder_model().export(tmp_path / "model", verbose=False)
    monkeypatch.setattr(_library, "library_folder", lambda: tmp_path / "nothing")
    with pytest.raises(RuntimeError, match=r"libshiftadd_tensorflow.*keras-shiftadd build"):
        ksa.load_saved_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["missing", "file.keras", ""])
def test_a_path_without_a_saved_model_is_refused(tmp_path, name):
    (tmp_path / "file.keras").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"must be the folder of a SavedModel.*Received"):
        ksa.load_saved_model(tmp_path / name)


def test_the_library_is_found_for_other_programs():
    path = ksa.custom_ops.tensorflow_library()
    assert pathlib.Path(path).is_file()
    assert hasattr(tf.load_op_library(path), "shiftadd_adder_conv")
