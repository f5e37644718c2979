"""Augmented training as frameworks run it: compiled, in low precision, on several devices."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from augmented_networks import compiled, values
from short_trainings import augmentation, fit

import keras_shiftadd as ksa

BACKEND = keras.backend.backend()


@pytest.mark.skipif(BACKEND == "torch", reason="torch: its steps are not compiled")
def test_nothing_is_compiled_after_the_first_epoch(data):
    traces = []

    class Counted(ksa.callbacks.HybridAugmentation):
        def set_model(self, model):
            super().set_model(model)
            network = self._augmentation.network

            def counted(inputs, widths):
                traces.append((self._epoch, widths))
                return network(inputs, widths)

            counted.variables = network.variables
            counted.configurations = network.configurations
            self._augmentation.network = counted

    fit(compiled("conv"), data, [Counted(widths=(1.5, 2.0))], epochs=3)
    assert {epoch for epoch, _ in traces} == {0}
    assert len({widths for _, widths in traces}) == 2


@pytest.mark.skipif(BACKEND == "torch", reason="torch: steps_per_execution must be 1 there")
def test_several_steps_an_execution(data):
    model = compiled("shift", steps_per_execution=3)
    history = fit(model, data, [augmentation()])
    assert np.all(np.isfinite(history["augmented_loss"]))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(data, policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = compiled("shift")
        before = values(model.trainable_variables)
        history = fit(model, data, [augmentation()])
        assert np.all(np.isfinite(history["loss"] + history["augmented_loss"]))
        moved = [
            np.abs(a - b).max()
            for a, b in zip(before, values(model.trainable_variables), strict=True)
        ]
        assert max(moved) > 0
        assert "_companion" not in vars(model.optimizer)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute needs KERAS_BACKEND=tensorflow")
def test_mirrored_strategy_trains(data):
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
        model = compiled("shift")
    history = fit(model, data, [augmentation()])
    assert np.all(np.isfinite(history["augmented_loss"]))


DATA_PARALLEL = """
import keras, numpy as np
keras.distribution.set_distribution(keras.distribution.DataParallel())
import keras_shiftadd as ksa
from augmented_networks import compiled
x, y = np.zeros((16, 6, 6, 2), "float32"), np.arange(16) % 3
augmentation = ksa.callbacks.HybridAugmentation(widths=(2.0,))
model = compiled("shift")
print(model.fit(x, y, verbose=0, callbacks=[augmentation]).history["augmented_loss"])
assert len(model.trainable_variables[0].value.sharding.device_set) == 2
"""


@pytest.mark.skipif(BACKEND != "jax", reason="two devices of a processor need KERAS_BACKEND=jax")
def test_data_parallel_trains():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", DATA_PARALLEL],
        env={**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": str(pathlib.Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout.strip().strip("[]")))
