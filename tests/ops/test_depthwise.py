"""Depthwise convolutions in the form of the backend equal NumPy."""

import keras
import numpy as np
import pytest

from keras_shiftadd.ops._depthwise import depthwise_conv, sum_of_windows
from keras_shiftadd.testing import reference


def expected(x, kernel, **window):
    return reference.conv(x, reference.depthwise_as_grouped(kernel), **window)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_images_and_series_equal_the_reference(rng, strides, dilation, padding):
    for sizes, taps in (((7, 8), (3, 2)), ((9,), (4,))):
        x, kernel = rng.normal(size=(2, *sizes, 3)), rng.normal(size=(*taps, 3, 2))
        window = {"strides": strides, "dilation_rate": dilation, "padding": padding}
        y = depthwise_conv(x.astype("float32"), kernel.astype("float32"), **window)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(y), expected(x, kernel, **window), rtol=1e-4, atol=1e-5
        )


def along_tokens(x, kernel):
    return depthwise_conv(x, kernel[:, :, None])


@pytest.mark.parametrize("function", [along_tokens, sum_of_windows])
def test_tokens_equal_the_reference(rng, function):
    x, kernel = rng.normal(size=(2, 11, 3)), rng.normal(size=(4, 3))
    y = function(*map(keras.ops.convert_to_tensor, (x.astype("float32"), kernel.astype("float32"))))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(y), expected(x, kernel[:, :, None]), rtol=1e-4, atol=1e-5
    )


def test_narrow_numbers_are_summed_wide(rng):
    x = keras.ops.cast(rng.normal(size=(1, 40, 2)), "bfloat16")
    kernel = keras.ops.cast(rng.normal(size=(33, 2)), "bfloat16")
    y = along_tokens(x, kernel)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    x, kernel, y = (
        keras.ops.convert_to_numpy(keras.ops.cast(a, "float32")) for a in (x, kernel, y)
    )
    exact = expected(x, kernel[:, :, None])
    # Only the result is rounded to 8 bits.
    assert np.abs(y - exact).max() <= 2**-8 * np.abs(exact).max()
