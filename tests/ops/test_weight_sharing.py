"""An adder kernel from a kernel that a convolution uses too, against NumPy."""

import math

import keras
import numpy as np
import pytest

from keras_shiftadd import ops
from keras_shiftadd.testing import function_gradients

GAIN, OFFSET = np.float32(1.7), np.float32(0.3)
BINS = np.linspace(0.5, 2.0, 10).astype("float32")


def kernel_of(rng):
    return (0.1 * rng.normal(size=(3, 3, 4, 8)) + 0.02).astype("float32")


def standardized(kernel):
    wide = kernel.astype("float64")
    return (wide - wide.mean()) / wide.std()


def laplacian(z):
    tail = np.vectorize(lambda v: math.log(math.erfc(abs(v) / math.sqrt(2))))(z)
    return -np.sign(z) * tail / math.sqrt(2)


def slope(z):
    """The derivative of `laplacian`."""
    tail = np.vectorize(lambda v: math.erfc(abs(v) / math.sqrt(2)))(z)
    return math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) / tail / math.sqrt(2)


def bin_of(kernel):
    share = (kernel - kernel.min()) / (kernel.max() - kernel.min())
    return np.minimum((share * len(BINS)).astype(int), len(BINS) - 1)


WANTED = {
    "transport": lambda w: laplacian(standardized(w)) * GAIN + OFFSET,
    "gain": lambda w: standardized(w) * GAIN + OFFSET,
    "binned": lambda w: w * BINS[bin_of(w)],
    "none": lambda w: w,
}
SLOPES = {
    "transport": lambda w: GAIN * slope(standardized(w)) / w.std(),
    "gain": lambda w: np.full(w.shape, GAIN / w.std()),
    "binned": lambda w: BINS[bin_of(w)],
    "none": np.ones_like,
}


def arguments(sharing):
    if sharing == "binned":
        return [BINS]
    return [] if sharing == "none" else [GAIN, OFFSET]


def share(sharing, kernel, upstream, gradient_scale):
    def function(w, *rest):
        return ops.shared_adder_kernel(w, sharing, *rest, gradient_scale=gradient_scale)

    return function_gradients(function, [kernel, *arguments(sharing)], upstream)


def test_all_forms_are_listed():
    assert set(ops.WEIGHT_SHARINGS) == set(WANTED)


@pytest.mark.parametrize("sharing", ops.WEIGHT_SHARINGS)
def test_values_and_gradients_are_those_of_numpy(sharing, rng):
    kernel = kernel_of(rng)
    upstream = rng.normal(size=kernel.shape).astype("float32")
    output, (dw, *_) = share(sharing, kernel, upstream, None)
    np.testing.assert_allclose(output, WANTED[sharing](kernel), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dw, upstream * SLOPES[sharing](kernel), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("sharing", ["transport", "gain"])
def test_gain_and_offset_receive_gradients(sharing, rng):
    kernel = kernel_of(rng)
    upstream = rng.normal(size=kernel.shape).astype("float32")
    _, (_, dgain, doffset) = share(sharing, kernel, upstream, None)
    unit = (WANTED[sharing](kernel) - OFFSET) / GAIN
    np.testing.assert_allclose(dgain, (upstream * unit).sum(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(doffset, upstream.sum(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sharing", ops.WEIGHT_SHARINGS)
@pytest.mark.parametrize("magnitude", [1e-6, 1e6])
def test_the_gradient_of_the_shared_kernel_does_not_depend_on_that_of_the_output(
    sharing, magnitude, rng
):
    kernel = kernel_of(rng)
    upstream = rng.normal(size=kernel.shape).astype("float32") * np.float32(magnitude)
    _, (dw, *_) = share(sharing, kernel, upstream, 0.2)
    if sharing != "binned":  # whose gains multiply what has the norm
        size = 0.2 * math.sqrt(kernel.size)
        wanted = size if sharing == "none" else size * kernel.std()
        np.testing.assert_allclose(np.linalg.norm(dw), wanted, rtol=1e-3)
    # The direction stays.
    assert (np.sign(dw) == np.sign(upstream)).mean() > 0.999


def test_equal_weights_map_to_the_offset():
    kernel = np.full((2, 2), 0.5, "float32")
    for sharing in ("transport", "gain"):
        output, _ = share(sharing, kernel, np.ones_like(kernel), None)
        np.testing.assert_allclose(output, OFFSET, rtol=1e-6)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"`weight_sharing` must be one of .*Received: 'half'"):
        ops.shared_adder_kernel(np.ones((2, 2), "float32"), "half")


@pytest.mark.parametrize("sharing", ["transport", "gain"])
def test_gain_and_offset_move_no_faster_than_an_element(sharing, rng):
    kernel = kernel_of(rng)
    upstream = rng.normal(size=kernel.shape).astype("float32")
    _, (_, dgain, doffset) = share(sharing, kernel, upstream, 0.2)
    brought = 0.2 * np.sqrt(kernel.size) * upstream / np.linalg.norm(upstream)
    unit = standardized(kernel)
    unit = laplacian(unit) if sharing == "transport" else unit
    np.testing.assert_allclose(dgain, (brought * unit).mean(), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(doffset, brought.mean(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("sharing", ops.WEIGHT_SHARINGS)
def test_the_gradient_passed_on_to_the_shared_kernel_has_a_scale_of_its_own(sharing, rng):
    kernel = kernel_of(rng)
    upstream = rng.normal(size=kernel.shape).astype("float32")

    def function(w, *rest):
        return ops.shared_adder_kernel(
            w, sharing, *rest, gradient_scale=0.2, shared_gradient_scale=0.01
        )

    _, (dw, *_) = function_gradients(function, [kernel, *arguments(sharing)], upstream)
    wanted = 0.01 * math.sqrt(kernel.size) * kernel.std()
    np.testing.assert_allclose(np.linalg.norm(dw), wanted, rtol=1e-3)


def test_laplace_to_gaussian_is_the_way_back(rng):
    w = rng.normal(3.0, 0.5, 2000).astype("float32")
    laplace = ops.gaussian_to_laplace(w, 3.0, 0.5, laplace_mean=-1.0, laplace_scale=2.0)
    back = ops.laplace_to_gaussian(laplace, -1.0, 2.0 * np.sqrt(2.0))
    expected = (w - 3.0) / 0.5
    np.testing.assert_allclose(keras.ops.convert_to_numpy(back), expected, atol=2e-3)


def test_laplace_to_gaussian_makes_a_standard_gaussian(rng):
    w = rng.laplace(5.0, 3.0, 100_000).astype("float32")
    z = keras.ops.convert_to_numpy(ops.laplace_to_gaussian(w))
    quantiles = np.quantile(z, [0.0228, 0.1587, 0.5, 0.8413, 0.9772])
    np.testing.assert_allclose(quantiles, [-2, -1, 0, 1, 2], atol=0.03)


def test_laplace_to_gaussian_limits_the_tails_and_takes_equal_inputs():
    far = keras.ops.convert_to_numpy(ops.laplace_to_gaussian([-1e6, 0.0, 1e6], 0.0, 1.0))
    assert np.all(np.isfinite(far))
    np.testing.assert_allclose(far, [-4.528, 0.0, 4.528], atol=0.02)
    equal = keras.ops.convert_to_numpy(ops.laplace_to_gaussian([2.0, 2.0]))
    np.testing.assert_array_equal(equal, [0.0, 0.0])
