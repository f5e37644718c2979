"""Fixed point, gradient normalisation, and the maps for shared kernels."""

import math

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import function_gradients, reference

ops = ksa.ops


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def test_fixed_point_rounds_down_and_saturates():
    np.testing.assert_array_equal(
        numpy(ops.round_to_fixed_point([0.3, -0.3, 9.0, -9.0], 3, 2)), [0.25, -0.5, 3.75, -4.0]
    )


def test_fixed_point_passes_the_gradient(rng):
    x, g = rng.normal(size=(2, 50)).astype("float32")
    _, (dx,) = function_gradients(lambda v: ops.round_to_fixed_point(v, 2, 3), [x], g)
    np.testing.assert_array_equal(dx, g)


@pytest.mark.parametrize("bits", [(0, 4), (33, 4), (4, -1), (4, 33), (2.5, 1)])
def test_bad_fixed_point_bits_are_refused(bits):
    with pytest.raises(ValueError, match="_bits` must be an integer from"):
        ops.round_to_fixed_point([1.0], *bits)


@pytest.mark.parametrize("magnitude", [1e-30, 1.0, 1e30])
def test_normalised_gradients_have_the_stated_norm(rng, magnitude):
    w = rng.normal(size=(3, 3, 4, 8)).astype("float32")
    g = (rng.normal(size=w.shape) * magnitude).astype("float32")
    output, (dw,) = function_gradients(lambda v: ops.normalize_gradient(v, 0.2), [w], g)
    np.testing.assert_array_equal(output, w)
    np.testing.assert_allclose(dw, reference.normalize_gradient(g, 0.2), rtol=1e-5)
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(dw))), 0.2, rtol=1e-5)


def test_a_zero_gradient_stays_zero():
    w = np.ones((2, 3), "float32")
    _, (dw,) = function_gradients(ops.normalize_gradient, [w], np.zeros_like(w))
    np.testing.assert_array_equal(dw, 0)


def exact_transport(z):
    return math.copysign(-math.log(math.erfc(abs(z) / math.sqrt(2))), z)


def test_the_transport_is_exact_to_eight_deviations():
    z = np.concatenate([np.linspace(-8, 8, 2001), 10.0 ** np.arange(-7, 0)]).astype("float32")
    wanted = np.array([exact_transport(float(v)) for v in z])
    mapped = numpy(ops.gaussian_to_laplace(z, 0.0, 1.0, 0.0, 1.0))
    np.testing.assert_allclose(mapped, wanted, rtol=2e-6, atol=1e-12)


def test_the_slope_of_the_transport_is_exact_to_eight_deviations():
    z = np.linspace(-8, 8, 801).astype("float32")
    wide = z.astype("float64")
    tail = np.array([math.erfc(abs(v) / math.sqrt(2)) for v in wide])
    wanted = math.sqrt(2 / math.pi) * np.exp(-(wide**2) / 2) / tail
    _, (slope,) = function_gradients(
        lambda v: ops.gaussian_to_laplace(v, 0.0, 1.0, 0.0, 1.0), [z], np.ones_like(z)
    )
    np.testing.assert_allclose(slope, wanted, rtol=1e-4)


def test_the_transport_is_strictly_monotone():
    z = np.linspace(-8, 8, 4001).astype("float32")
    assert (np.diff(numpy(ops.gaussian_to_laplace(z, 0.0, 1.0))) > 0).all()


def test_the_transported_sample_is_laplacian_with_the_same_variance(rng):
    w = (rng.normal(size=200_000) * 0.05 + 0.01).astype("float32")
    mapped = np.sort(numpy(ops.gaussian_to_laplace(w)).astype("float64"))
    assert abs(mapped.std() / w.std() - 1) < 0.01
    z = (mapped - w.mean()) / (w.std() / math.sqrt(2))
    cdf = np.where(z < 0, 0.5 * np.exp(-np.abs(z)), 1 - 0.5 * np.exp(-np.abs(z)))
    empirical = (np.arange(z.size) + 0.5) / z.size
    assert np.abs(cdf - empirical).max() < 0.01  # Kolmogorov-Smirnov distance


def test_equal_inputs_map_to_the_mean_without_nan():
    w = np.full((4,), 0.5, "float32")
    output, (dw,) = function_gradients(ops.gaussian_to_laplace, [w], np.ones_like(w))
    np.testing.assert_allclose(output, 0.5)
    assert np.isfinite(dw).all()


def test_log_erfc_is_precise_where_erfc_underflows():
    x = np.array([0.0, 0.1, 0.4, 1.0, 3.0, 9.0], "float32")
    wanted = [math.log(math.erfc(float(v))) for v in x]
    np.testing.assert_allclose(numpy(ops.log_erfc(x)), wanted, rtol=2e-6)
    # the leading terms of the asymptotic series
    at_12 = -144.0 - math.log(12 * math.sqrt(math.pi)) + math.log(1 - 1 / 288 + 3 / 288**2)
    np.testing.assert_allclose(numpy(ops.log_erfc(np.float32([12.0]))), [at_12], rtol=2e-6)


def test_bins_have_equal_width_and_include_both_ends():
    np.testing.assert_allclose(
        numpy(ops.binned_gain([0.0, 0.9, 1.1, 2.0], [1.0, 10.0])), [0.0, 0.9, 11.0, 20.0], rtol=1e-6
    )


def test_binned_gains_receive_gradients():
    w, gains = np.float32([0.0, 1.0, 3.0, 4.0]), np.float32([2.0, 5.0])
    _, (dw, dg) = function_gradients(ops.binned_gain, [w, gains], np.ones_like(w))
    np.testing.assert_allclose(dw, [2, 2, 5, 5])
    np.testing.assert_allclose(dg, [1, 7])


def test_gains_of_two_axes_are_refused():
    with pytest.raises(ValueError, match="`gains` must have one axis"):
        ops.binned_gain([1.0], [[1.0]])
