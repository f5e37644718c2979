"""Power-of-two rounding in its three forms."""

import math

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import function_gradients, reference

ops = ksa.ops


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("top", [-3, 0, 2])
def test_rounding_equals_the_reference(rng, bits, top):
    w = (rng.normal(size=5000) * 2.0 ** rng.integers(-20, 5, 5000)).astype("float32")
    np.testing.assert_array_equal(
        numpy(ops.round_to_power_of_two(w, bits, top)),
        reference.round_to_power_of_two(w, bits, top).astype("float32"),
    )


def test_the_threshold_is_the_geometric_mean():
    above = np.float32(0.5 * math.sqrt(2))
    while above < 0.5 * math.sqrt(2):
        above = np.nextafter(above, np.float32(1))
    below = np.nextafter(above, np.float32(0))
    np.testing.assert_array_equal(
        numpy(ops.round_to_power_of_two(np.array([below, above]))), [0.5, 1.0]
    )


def test_zero_stays_zero_and_signs_are_kept():
    np.testing.assert_array_equal(
        numpy(ops.round_to_power_of_two([0.0, -0.3, 0.3])), [0.0, -0.25, 0.25]
    )


def test_magnitudes_are_limited_to_the_exponents():
    np.testing.assert_array_equal(
        numpy(ops.round_to_power_of_two([1e-9, 1e9, -np.inf], weight_bits=3)), [0.125, 1.0, -1.0]
    )


def test_nan_stays_visible():
    assert np.isnan(numpy(ops.round_to_power_of_two([np.nan]))).all()


def test_the_gradient_of_rounding_is_the_identity(rng):
    w, g = rng.normal(size=(2, 100)).astype("float32") * 3
    _, (dw,) = function_gradients(ops.round_to_power_of_two, [w], g)
    np.testing.assert_array_equal(dw, g)


def test_the_compiled_rounding_gives_the_same_bits(rng):
    if keras.backend.backend() == "torch":
        pytest.skip("JAX and TensorFlow have a compiler whose powers are not exact; torch has not")
    w = rng.normal(size=1000).astype("float32")
    compiled, _ = function_gradients(ops.round_to_power_of_two, [w], w, jit=True)
    np.testing.assert_array_equal(compiled, numpy(ops.round_to_power_of_two(w)))


def test_half_precision_is_rounded_in_float32():
    w = keras.ops.cast([0.3, 0.7], "float16")
    rounded = ops.round_to_power_of_two(w)
    assert keras.backend.standardize_dtype(rounded.dtype) == "float32"


@pytest.mark.parametrize("form", ["power_of_two_from_sign_exponent", "zero_free_power_of_two"])
@pytest.mark.parametrize("bits", [2, 3, 5])
def test_trained_sign_and_exponent_give_the_stated_weights_and_gradients(rng, form, bits):
    sign = rng.uniform(-1.5, 1.5, 200).astype("float32")
    exponent = rng.uniform(-20, 3, 200).astype("float32")
    g = rng.normal(size=200).astype("float32")
    ternary = form == "power_of_two_from_sign_exponent"
    low = -(2 ** (bits - 1)) + (2 if ternary else 1)
    magnitude = 2.0 ** np.clip(np.round(exponent), low, 0)
    weights = (np.sign(np.round(sign)) if ternary else np.where(sign < 0, -1, 1)) * magnitude
    function = getattr(ops, form)
    output, (ds, dp) = function_gradients(
        lambda s, p: function(s, p, weight_bits=bits), [sign, exponent], g
    )
    np.testing.assert_array_equal(output, weights.astype("float32"))
    np.testing.assert_allclose(ds, g if ternary else g * magnitude, rtol=1e-6)
    np.testing.assert_allclose(dp, g * weights * math.log(2), rtol=1e-5, atol=1e-7)


def test_the_zero_free_form_has_no_zero(rng):
    weights = numpy(ops.zero_free_power_of_two(np.zeros(9), rng.uniform(-9, 9, 9)))
    assert (weights != 0).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_codes_fit_into_the_bits(bits):
    # sign and exponents; the ternary form spends one code more, on zero
    assert 2 * len(ops.quantized_exponents(bits)) <= 2**bits
    assert 2 * len(ops.sign_exponent_exponents(bits)) + 1 <= 2**bits


@pytest.mark.parametrize("bits", [1, 9, 4.0, True, None])
def test_bad_weight_bits_are_refused(bits):
    with pytest.raises(ValueError, match="`weight_bits` must be"):
        ops.round_to_power_of_two([1.0], weight_bits=bits)


@pytest.mark.parametrize("top", [-127, 128, 0.5])
def test_bad_max_exponents_are_refused(top):
    with pytest.raises(ValueError, match="`max_exponent` must be"):
        ops.round_to_power_of_two([1.0], max_exponent=top)
