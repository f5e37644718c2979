"""Small supernets with random weights, and comparisons with the networks cut out of them."""

import contextlib
import importlib

import keras
import numpy as np

from keras_shiftadd.tuners import Supernet


def supernet_of(space, **arguments):
    """A supernet whose trainable weights are all random, so that none can be mistaken."""
    keras.utils.set_random_seed(1)
    supernet = Supernet(space, seed=1, **arguments)
    rng = np.random.default_rng(1)
    for variable in supernet.trainable_variables:
        noise = rng.normal(size=variable.shape)
        if "gamma" in variable.name or variable.name.endswith("gain"):
            variable.assign(1.0 + 0.3 * noise)
        elif "kernel" not in variable.name:
            variable.assign(0.5 * noise)
    return supernet


def inputs_of(space, count=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, *space.input_shape))


@contextlib.contextmanager
def double_precision():
    """Layers are float64, which JAX has to be told too."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")  # of the arrays that `predict` is given
    allowed = contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        allowed = importlib.import_module("jax").enable_x64(True)
    try:
        with allowed:
            yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def predicted(model, x):
    """Logits at inference."""
    return np.asarray(keras.ops.convert_to_numpy(model.predict_on_batch(x)))


def difference(found, wanted):
    """The largest difference, as a part of the largest number."""
    return np.abs(found - wanted).max() / np.abs(wanted).max()
