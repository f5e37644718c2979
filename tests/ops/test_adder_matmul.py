"""The adder product of matrices against NumPy, compiled and portable."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_shiftadd as ksa
from keras_shiftadd.ops import _adder_compiled
from keras_shiftadd.testing import function_gradients, reference

SLOPES = {
    "sign": (np.sign, np.sign),
    "full_precision": (lambda d: np.clip(d, -1, 1), lambda d: d),
    "plain": (lambda d: d, lambda d: d),
}


def relative(value, wanted):
    return np.abs(value - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def agree(x1, x2, gradient="sign", jit=False):
    difference = np.asarray(x1, "float64")[..., None] - np.asarray(x2, "float64")[..., None, :, :]
    y = reference.adder_matmul(x1, x2)
    upstream = np.random.default_rng(5).normal(size=y.shape).astype("float32")
    to_first, to_second = SLOPES[gradient]
    g = upstream[..., None, :]
    d1, d2 = (to_first(-difference) * g).sum(-1), (to_second(difference) * g).sum(-3)
    output, (to_x1, to_x2) = function_gradients(
        lambda a, b: ksa.ops.adder_matmul(a, b, gradient=gradient), [x1, x2], upstream, jit
    )
    assert relative(output, y) <= 1e-5
    assert relative(to_x1, d1) <= 1e-5
    assert relative(to_x2, d2) <= 1e-5


@pytest.fixture(params=["chosen", "portable"])
def form(request, monkeypatch):
    """The form that serves here, and the portable one."""
    if request.param == "portable":
        monkeypatch.setattr(_adder_compiled, "_find_binding", lambda: False)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    leading=st.lists(st.integers(1, 3), max_size=2),
    rows=st.integers(1, 5),
    depth=st.integers(1, 5),
    columns=st.integers(1, 5),
)
def test_odd_shapes_agree(leading, rows, depth, columns):
    rng = np.random.default_rng(0)
    x1 = rng.normal(size=(*leading, rows, depth)).astype("float32")
    x2 = rng.normal(size=(*leading, depth, columns)).astype("float32")
    agree(x1, x2)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("gradient", ksa.ops.ADDER_GRADIENTS)
def test_each_gradient_agrees(rng, gradient):
    x1 = rng.normal(size=(2, 3, 7, 8)).astype("float32")
    x2 = rng.normal(size=(2, 3, 8, 19)).astype("float32")
    agree(x1, x2, gradient)


@pytest.mark.usefixtures("form")
@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch needs half a minute to compile it"
)
def test_it_agrees_inside_of_compiled_functions(rng):
    x1 = rng.normal(size=(2, 3, 7, 8)).astype("float32")
    x2 = rng.normal(size=(2, 3, 8, 19)).astype("float32")
    agree(x1, x2, jit=True)


@pytest.mark.usefixtures("form")
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has unknown sizes"
)
def test_unknown_sizes_agree(rng):
    import tensorflow as tf

    x1 = rng.normal(size=(2, 5, 4)).astype("float32")
    x2 = rng.normal(size=(2, 4, 6)).astype("float32")

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4)), tf.TensorSpec((None, 4, None))])
    def run(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            y = ksa.ops.adder_matmul(a, b)
        return y, tape.gradient(y, [a, b])

    y, (d1, d2) = run(x1, x2)
    sign = np.sign(x1[..., None] - x2[:, None])
    assert relative(y.numpy(), reference.adder_matmul(x1, x2)) <= 1e-5
    assert relative(d1.numpy(), -sign.sum(-1)) <= 1e-5
    assert relative(d2.numpy(), sign.sum(1)) <= 1e-5


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("bfloat16", 2e-2)])
def test_narrow_types_are_accumulated_in_float32(rng, dtype, tolerance):
    x1 = keras.ops.cast(rng.normal(size=(2, 5, 300)), dtype)
    x2 = keras.ops.cast(rng.normal(size=(2, 300, 6)), dtype)
    y = ksa.ops.adder_matmul(x1, x2)
    wide = [keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")) for x in (x1, x2)]
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    y = keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))
    assert relative(y, reference.adder_matmul(*wide)) < tolerance


@pytest.mark.once
def test_the_portable_form_never_holds_all_differences():
    # 2^26 differences would take 256 MiB; the result takes 4 MiB.
    code = """
import resource, sys
import numpy as np
import keras
import keras_shiftadd as ksa
from keras_shiftadd.testing import function_gradients
x1 = np.zeros((1, 1024, 64), "float32"); x2 = np.zeros((1, 64, 1024), "float32")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
function_gradients(ksa.ops.adder_matmul, [x1, x2], np.zeros((1, 1024, 1024), "float32"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    output = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_SHIFTADD_OPS": "python"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(output.stdout.split()[-1]) < 80


@pytest.mark.parametrize(
    ("x1", "x2"), [((2, 3), (4, 2)), ((2, 2, 3), (3, 3, 2)), ((3,), (3,)), ((2, 3), (1, 3, 2))]
)
def test_shapes_that_do_not_fit_are_named(x1, x2):
    with pytest.raises(ValueError, match=r"x1\.shape="):
        ksa.ops.adder_matmul(np.ones(x1), np.ones(x2))


def test_an_unknown_gradient_is_named():
    with pytest.raises(ValueError, match="`gradient` must be one of"):
        ksa.ops.adder_matmul(np.ones((2, 3)), np.ones((3, 2)), gradient="exact")
