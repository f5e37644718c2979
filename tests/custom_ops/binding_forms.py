"""Evaluates adder operations in the compiled and in the portable form, within one process."""

import contextlib
import os
from unittest import mock

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _binding

FORM = {"compiled": "native", "portable": "python"}


def require_compiled(backend=None):
    """Skips a module whose tests need the binding of the active backend."""
    if backend is not None and keras.config.backend() != backend:
        pytest.skip(f"needs KERAS_BACKEND={backend}", allow_module_level=True)
    loaded = _binding.load_binding(keras.config.backend())
    if isinstance(loaded, Exception):
        pytest.skip(f"{loaded}: keras-shiftadd build --force", allow_module_level=True)
    return loaded


@contextlib.contextmanager
def in_form(form):
    with mock.patch.dict(os.environ, {"KERAS_SHIFTADD_OPS": FORM[form]}):
        yield


def gradients(function, arrays, upstream, form):
    """Output and gradients, without a compiler: JAX would take seconds for each portable form."""
    with in_form(form):
        tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
        upstream = keras.ops.convert_to_tensor(upstream)
        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                tape.watch(tensors)
                output = function(*tensors)
            results = output, *tape.gradient(output, tensors, upstream)
        elif keras.config.backend() == "jax":
            import jax

            output, pullback = jax.vjp(function, *tensors)
            results = output, *pullback(upstream)
        else:
            import torch

            leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
            output = function(*leaves)
            results = output, *torch.autograd.grad(output, leaves, upstream)
        return [np.asarray(keras.ops.convert_to_numpy(result)) for result in results]


def both_forms(function, arrays, rng):
    """What `gradients` returns, in the compiled and in the portable form."""
    with in_form("portable"):
        shape = keras.ops.shape(function(*map(keras.ops.convert_to_tensor, arrays)))
    upstream = rng.normal(size=shape).astype("float32")
    return tuple(gradients(function, arrays, upstream, form) for form in FORM)


def assert_forms_agree(function, arrays, rng, tolerance=1e-5):
    for compiled, portable in zip(*both_forms(function, arrays, rng), strict=True):
        assert compiled.shape == portable.shape
        assert compiled.dtype == portable.dtype
        np.testing.assert_allclose(
            compiled, portable, rtol=tolerance, atol=tolerance * np.abs(portable).max(initial=0)
        )


def adder_conv(**options):
    return lambda x, w: ksa.ops.adder_conv(x, w, **options)
