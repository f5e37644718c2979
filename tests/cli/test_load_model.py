"""`ksa.load_model`."""

import zipfile

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa


def test_model_with_our_layers_predicts_the_same(model_file, rng):
    x = rng.normal(size=(2, 8, 8, 2)).astype("float32")
    ours, plain = ksa.load_model(model_file), keras.saving.load_model(model_file)
    np.testing.assert_array_equal(ours.predict(x, verbose=0), plain.predict(x, verbose=0))


def test_arguments_reach_keras(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.keras")
    assert ksa.load_model(tmp_path / "m.keras").compiled
    assert not ksa.load_model(str(tmp_path / "m.keras"), compile=False).compiled


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.keras"):
        ksa.load_model(tmp_path / "missing.keras")


def test_other_kind_of_file(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match=r"ends in \.keras"):
        ksa.load_model(tmp_path / "model.tflite")


def test_directory(tmp_path):
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(ValueError, match="must name a file"):
        ksa.load_model(tmp_path / "model.keras")


def test_truncated_file(model_file):
    content = model_file.read_bytes()
    model_file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="damaged"):
        ksa.load_model(model_file)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_archive_without_a_part(model_file, tmp_path, member):
    damaged = tmp_path / "damaged.keras"
    with zipfile.ZipFile(model_file) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            if name != member:
                target.writestr(name, source.read(name))
    with pytest.raises(ValueError, match="damaged"):
        ksa.load_model(damaged)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_archive_with_a_spoilt_part(model_file, tmp_path, member):
    damaged = tmp_path / "damaged.keras"
    with zipfile.ZipFile(model_file) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"{spoilt" if name == member else source.read(name))
    with pytest.raises(ValueError, match="damaged"):
        ksa.load_model(damaged)
