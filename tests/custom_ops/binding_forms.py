"""Adder operations in the compiled form, in the portable form, and in NumPy."""

import contextlib
import os
from unittest import mock

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _binding
from keras_shiftadd.testing import reference

FORM = {"compiled": "native", "portable": "python"}
# JAX takes seconds for the elementary operations of the portable form at each new size. Tests that
# do not ask for it go through all sizes in the compiled form there, in both on other backends.
FORMS = ("compiled",) if keras.config.backend() == "jax" else ("compiled", "portable")


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
    """Output and gradients."""
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

            def pulled_back(*tensors):
                output, pullback = jax.vjp(function, *tensors)
                return output, *pullback(upstream)

            results = (jax.jit(pulled_back) if form == "compiled" else pulled_back)(*tensors)
        else:
            import torch

            leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
            output = function(*leaves)
            results = output, *torch.autograd.grad(output, leaves, upstream)
        return [np.asarray(keras.ops.convert_to_numpy(result)) for result in results]


class Adder:
    """An adder operation of `keras_shiftadd.ops`, which NumPy computes too.

    Args:
        kind: `"conv"`, `"depthwise_conv"` or `"dense"`.
        options: Arguments of the operation.
    """

    def __init__(self, kind="conv", **options):
        self.kind, self.options = kind, options

    def __call__(self, x, w):
        return getattr(ksa.ops, f"adder_{self.kind}")(x, w, **self.options)

    def numpy(self, x, w, upstream=None):
        """The output in float64, or with an upstream gradient output and gradients."""
        window = ("strides", "dilation_rate", "padding")
        window = {name: value for name, value in self.options.items() if name in window}
        rows, kernel = self._channels_last(x), w
        if self.kind == "depthwise_conv":
            kernel = reference.depthwise_as_grouped(w)
        elif self.kind == "dense":
            rows, kernel = x.reshape(-1, 1, x.shape[-1]), w[None]
        y = reference.adder_conv(rows, kernel, **window)
        if upstream is None:
            return self._restored(y, x)
        g = self._channels_last(upstream).reshape(y.shape)
        gradient = self.options.get("gradient", "full_precision")
        dx, dw = reference.adder_conv_gradients(rows, kernel, g, gradient=gradient, **window)
        return self._restored(y, x), self._restored(dx, x), dw.reshape(w.shape)

    def _channels_last(self, array):
        first = self.options.get("data_format") == "channels_first"
        return np.moveaxis(array, 1, -1) if first else array

    def _restored(self, array, x):
        if self.kind == "dense":
            return array.reshape(*x.shape[:-1], -1)
        first = self.options.get("data_format") == "channels_first"
        return np.moveaxis(array, -1, 1) if first else array

    def upstream(self, arrays, rng):
        """A gradient of the output."""
        return rng.normal(size=self.numpy(*arrays).shape).astype("float32")


def assert_equals_numpy(operation, arrays, rng, forms=FORMS, tolerance=1e-5):
    """Holds output and gradients in some forms to NumPy."""
    upstream = operation.upstream(arrays, rng)
    results = operation.numpy(*arrays, upstream)
    for form in forms:
        for actual, expected in zip(
            gradients(operation, arrays, upstream, form), results, strict=True
        ):
            assert actual.shape == expected.shape
            assert actual.dtype == arrays[0].dtype
            np.testing.assert_allclose(
                actual,
                expected,
                rtol=tolerance,
                atol=tolerance * np.abs(expected).max(initial=0),
                err_msg=form,
            )
