"""A model means the same on every backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

L = ksa.layers
PREDICT = """
import sys
import numpy as np
import keras
import keras_shiftadd as ksa
model = ksa.load_model(sys.argv[1], compile=False)
np.save(sys.argv[3], model.predict(np.load(sys.argv[2]), verbose=0))
"""


def trained_model(rng):
    def norm():
        return [keras.layers.BatchNormalization(), keras.layers.ReLU()]

    model = keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            keras.layers.Conv2D(8, 3, use_bias=False),
            *norm(),
            L.ShiftConv2D(8, 3, strides=2, padding="same", use_bias=False),
            *norm(),
            L.ShiftDepthwiseConv2D(3, padding="same", form="sign_exponent"),
            *norm(),
            L.AdderConv2D(8, 3, padding="same", use_bias=False),
            *norm(),
            L.ShiftAdderConv2D(6, 3, form="dense", weight_bits=3, padding="same"),
            *norm(),
            L.HybridConv2D(6, 3, operator="adder", padding="same"),
            *norm(),
            keras.layers.Flatten(),
            L.ShiftDense(5),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = rng.normal(size=(32, 10, 10, 3)).astype("float32")
    model.fit(x, rng.normal(size=(32, 5)), epochs=2, batch_size=8, verbose=0)
    return model, x


# Each backend saves for one and loads from another.
NEXT = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}


def test_a_saved_model_predicts_the_same_on_another_backend(tmp_path, rng):
    backend = NEXT[keras.backend.backend()]
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is missing: pip install 'keras-shiftadd[{backend}]'")
    model, x = trained_model(rng)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    expected = model.predict(x, verbose=0)
    paths = [tmp_path / name for name in ("model.keras", "x.npy", "predicted.npy")]
    subprocess.run(
        [sys.executable, "-c", PREDICT, *map(str, paths)],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
        timeout=300,
    )
    predicted = np.load(paths[-1])
    assert np.abs(predicted - expected).max() / np.abs(expected).max() < 1e-5
