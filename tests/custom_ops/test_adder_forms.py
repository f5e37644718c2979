"""The compiled and the portable form of the adder operations equal NumPy, the specification."""

import keras
import numpy as np
import pytest
from binding_forms import (
    FORM,
    Adder,
    assert_equals_numpy,
    gradients,
    in_form,
    require_compiled,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._binding import load_binding
from keras_shiftadd.testing import reference

require_compiled()

STEPS = [(1, 1), (2, 1), (1, 2)]  # strides, dilation_rate
GRADIENTS = ksa.ops.ADDER_GRADIENTS


def normal(rng, *shapes):
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("channels", "group_channels", "filters", "batch"), [(3, 3, 5, 2), (4, 2, 6, 1)]
)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), STEPS)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_two_axes_agree(
    rng, kernel, strides, dilation, padding, channels, group_channels, filters, batch, data_format
):
    first = data_format == "channels_first"
    shape = (batch, channels, 11, 10) if first else (batch, 11, 10, channels)
    arrays = normal(rng, shape, (kernel, kernel, group_channels, filters))
    operation = Adder(
        strides=strides, dilation_rate=dilation, padding=padding, data_format=data_format
    )
    assert_equals_numpy(operation, arrays, rng)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("strides", "dilation"), STEPS)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_one_axis_agrees(rng, kernel, strides, dilation, padding):
    operation = Adder(strides=strides, dilation_rate=dilation, padding=padding)
    assert_equals_numpy(operation, normal(rng, (2, 13, 5), (kernel, 5, 3)), rng)


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("strides", "dilation"), STEPS)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_depthwise_agrees(rng, kernel, strides, dilation, padding, multiplier):
    operation = Adder("depthwise_conv", strides=strides, dilation_rate=dilation, padding=padding)
    assert_equals_numpy(operation, normal(rng, (2, 9, 10, 3), (kernel, kernel, 3, multiplier)), rng)


@pytest.mark.parametrize("shape", [(1, 7), (3, 5), (2, 3, 4), (65, 33)])
def test_dense_agrees(rng, shape):
    assert_equals_numpy(Adder("dense"), normal(rng, shape, (shape[-1], 5)), rng)


@pytest.mark.parametrize(
    ("shape", "kernel", "strides"),
    [
        ((2, 8, 7, 2), (1, 3, 2, 2), (2, 1)),
        ((1, 8, 9, 1), (3, 2, 1, 2), 3),
        ((1, 8, 9, 1), (1, 1, 1, 2), 3),
        ((1, 6, 6, 4), (3, 3, 1, 4), 1),
    ],
)
def test_sizes_that_differ_by_axis_agree(rng, shape, kernel, strides):
    assert_equals_numpy(Adder(strides=strides), normal(rng, shape, kernel), rng)


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("shape", [(2, 6, 5, 3), (1, 9, 8, 24)])
def test_every_gradient_agrees(rng, shape, gradient):
    arrays = normal(rng, shape, (3, 3, shape[-1], 20))
    assert_equals_numpy(Adder(gradient=gradient, padding="same"), arrays, rng)


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_every_gradient_agrees_at_equal_numbers(rng, gradient):
    arrays = [rng.integers(-2, 3, size=s).astype("float32") for s in ((2, 6, 5, 3), (3, 3, 3, 4))]
    assert_equals_numpy(Adder(gradient=gradient), arrays, rng)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    sizes=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    strides=pairs,
    dilation=pairs,
    groups=st.integers(1, 3),
    group_channels=st.integers(1, 19),
    group_filters=st.integers(1, 19),
    padding=st.sampled_from(["valid", "same", "causal"]),
    gradient=st.sampled_from(GRADIENTS),
)
def test_random_shapes_agree(
    batch,
    sizes,
    kernel,
    strides,
    dilation,
    groups,
    group_channels,
    group_filters,
    padding,
    gradient,
):
    rng = np.random.default_rng(0)
    if padding == "valid":
        fits = zip(sizes, kernel, dilation, strict=True)
        sizes = tuple(max(size, (k - 1) * d + 1) for size, k, d in fits)
    arrays = normal(
        rng,
        (batch, *sizes, groups * group_channels),
        (*kernel, group_channels, groups * group_filters),
    )
    operation = Adder(strides=strides, dilation_rate=dilation, padding=padding, gradient=gradient)
    assert_equals_numpy(operation, arrays, rng)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "w"])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_special_values_propagate_alike(rng, gradient, where, value):
    x, w = normal(rng, (2, 7, 6, 5), (3, 3, 5, 9))
    if where == "x":
        x[1, 2, 3, 1] = value
    else:
        w[1, 2, 3, 1] = value
    operation = Adder(padding="same", gradient=gradient)
    upstream = operation.upstream([x, w], rng)
    compiled, portable = (gradients(operation, [x, w], upstream, form) for form in FORM)
    for actual, expected in zip(compiled, portable, strict=True):
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(np.isfinite(actual), finite)
        np.testing.assert_array_equal(actual[~finite], expected[~finite])
        np.testing.assert_allclose(actual[finite], expected[finite], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("operation", "shape", "kernel"),
    [
        *((Adder(gradient=g, padding="same"), (2, 6, 5, 3), (3, 3, 3, 4)) for g in GRADIENTS),
        (Adder(strides=2, dilation_rate=1, padding="same"), (1, 7, 6, 4), (3, 2, 2, 6)),
        (Adder(dilation_rate=2, padding="causal"), (2, 9, 4), (3, 4, 5)),
        (Adder("depthwise_conv", padding="same"), (2, 5, 6, 3), (3, 3, 3, 2)),
        (Adder("dense"), (3, 5), (5, 4)),
    ],
)
def test_the_portable_form_agrees(rng, operation, shape, kernel):
    assert_equals_numpy(operation, normal(rng, shape, kernel), rng, ["portable"])


# The kernels change from one form of the sum to another between 4 and 6.
@pytest.mark.parametrize("offset", [1, 4, 5, 6, 1000])
def test_large_offsets_keep_their_precision(rng, offset):
    x, w = (array + np.float32(offset) for array in normal(rng, (2, 8, 8, 64), (3, 3, 64, 32)))
    y = reference.adder_conv(x, w)
    g = rng.normal(size=y.shape).astype("float32")
    expected = y, *reference.adder_conv_gradients(x, w, g)
    errors = {}
    for form in ("compiled", "portable"):
        results = zip(gradients(Adder(), [x, w], g, form), expected, strict=True)
        errors[form] = [np.abs(a - e).max() / np.abs(e).max() for a, e in results]
    assert max(errors["compiled"][:2]) <= 1e-5
    # Both forms take the kernel gradient as a difference of sums, which cancels.
    assert errors["compiled"][2] <= max(1e-5, 2 * errors["portable"][2])


def test_one_and_two_threads_give_the_same_bits(rng):
    x, w = normal(rng, (4, 33, 31, 20), (3, 3, 20, 37))
    g = rng.normal(size=(4, 33, 31, 37)).astype("float32")
    operation = Adder(padding="same")
    try:
        results = []
        for threads in (1, 2):
            ksa.custom_ops.set_threads(threads)
            results.append(gradients(operation, [x, w], g, "compiled"))
    finally:
        ksa.custom_ops.set_threads(0)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_empty_batch_gives_an_empty_output_and_a_zero_kernel_gradient(rng):
    x, w = normal(rng, (0, 6, 5, 3), (3, 3, 3, 4))
    y, dx, dw = gradients(Adder(), [x, w], np.zeros((0, 4, 3, 4), "float32"), "compiled")
    assert y.shape == (0, 4, 3, 4)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros_like(w))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_tensors_agree_and_keep_their_dtype(rng, dtype):
    x, w = (keras.ops.cast(array, dtype) for array in normal(rng, (2, 6, 5, 3), (3, 3, 3, 4)))
    results = []
    for form in ("compiled", "portable"):
        with in_form(form):
            y = ksa.ops.adder_conv(x, w)
        assert keras.backend.standardize_dtype(y.dtype) == dtype
        results.append(keras.ops.convert_to_numpy(keras.ops.cast(y, "float32")))
    np.testing.assert_allclose(*results, rtol=2e-2)


@pytest.mark.skipif(keras.config.backend() == "jax", reason="JAX has no float64 by default")
def test_float64_takes_the_portable_form(rng):
    x, w = (array.astype("float64") for array in normal(rng, (2, 6, 5, 3), (3, 3, 3, 4)))
    with in_form("compiled"):
        y = ksa.ops.adder_conv(keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(w))
    expected = reference.adder_conv(x, w)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(y), expected, rtol=1e-12)


def test_three_axes_take_the_portable_form(rng):
    x, w = normal(rng, (1, 4, 5, 3, 2), (2, 3, 1, 2, 3))
    with in_form("compiled"):
        y = ksa.ops.adder_conv(x, w)
    expected = reference.adder_conv(x, w)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(y), expected, rtol=1e-5)


def test_a_window_far_longer_than_any_input_takes_the_portable_form(rng, monkeypatch):
    x, w = normal(rng, (2, 9, 8, 2), (3, 3, 2, 4))

    def refuse(*_):
        raise AssertionError("the compiled form would ask for gigabytes")

    monkeypatch.setattr(load_binding(keras.backend.backend()), "adder_conv", refuse)
    with in_form("compiled"):
        y = ksa.ops.adder_conv(x, w, padding="same", dilation_rate=2**20)
    # Only the tap in the middle reads the input.
    middle = reference.adder_conv(x, w[1:2, 1:2])
    others = np.abs(w).sum((0, 1, 2)) - np.abs(w[1, 1]).sum(0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(y), middle - others, rtol=1e-5)
