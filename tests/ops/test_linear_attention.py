"""Binary codes and linear-angular attention against NumPy."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import function_gradients


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def expected(query, key, value, mask=None, causal=False):
    pairs = np.einsum("...td,...sd->...ts", query, key) / np.pi
    if mask is not None:
        pairs = pairs * mask[..., None, :]
    if causal:
        pairs = np.tril(pairs)
    return value / 2 + pairs @ value


@pytest.fixture
def tensors(rng):
    # More tokens than a block of causal attention holds, and no multiple of it.
    x = rng.normal(size=(3, 2, 2, 150, 5)).astype("float32")
    query, key = x[0] / 5, x[1] / 5
    return query, key, x[2][..., :4]


def test_signs_are_exact_and_zero_counts_as_positive():
    x = np.array([0.1, -0.3, 0.0, 2.5, -7.0], "float32")
    np.testing.assert_array_equal(numpy_of(ksa.ops.binarize(x)), [1, -1, 1, 1, -1])


def test_the_gradient_of_signs_passes_up_to_one():
    x = np.array([0.1, -0.3, 1.5, -7.0], "float32")
    g = np.array([2, 3, 4, 5], "float32")
    _, (gradient,) = function_gradients(ksa.ops.binarize, [x], g)
    np.testing.assert_array_equal(gradient, [2, 3, 0, 0])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_follows_its_equation(tensors, rng, causal, masked):
    mask = rng.random((2, 1, 150)) < 0.7 if masked else None
    y = ksa.ops.linear_angular_attention(*tensors, mask, use_causal_mask=causal)
    np.testing.assert_allclose(numpy_of(y), expected(*tensors, mask, causal), atol=2e-5)


def test_tensors_of_different_ranks_are_refused():
    with pytest.raises(ValueError, match="as many axes each"):
        ksa.ops.linear_angular_attention(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 2, 3)))
