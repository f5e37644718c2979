"""The adder operations against NumPy: shapes, chunks, dtypes, special values, errors."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_shiftadd as ksa
from keras_shiftadd.testing import function_gradients, reference

ops = ksa.ops


def relative(value, wanted):
    return np.abs(value - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def agree(x, w, tolerance=1e-5, jit=False, gradient="full_precision", **geometry):
    y = reference.adder_conv(x, w, **geometry)
    upstream = np.random.default_rng(5).normal(size=y.shape).astype("float32")
    dx, dw = reference.adder_conv_gradients(x, w, upstream, gradient=gradient, **geometry)
    output, (to_x, to_w) = function_gradients(
        lambda a, b: ops.adder_conv(a, b, gradient=gradient, **geometry), [x, w], upstream, jit
    )
    assert relative(output, y) <= tolerance
    assert relative(to_x, dx) <= tolerance
    assert relative(to_w, dw) <= tolerance


@pytest.fixture
def small_memory():
    before = ops.memory_limit()
    ops.set_memory_limit(2**20)
    yield
    ops.set_memory_limit(before)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    group_channels=st.integers(1, 3),
    groups=st.integers(1, 2),
    group_filters=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_odd_shapes_agree(
    batch, height, width, group_channels, groups, group_filters, kernel, strides
):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, height, width, groups * group_channels)).astype("float32")
    w = rng.normal(size=(*kernel, group_channels, groups * group_filters)).astype("float32")
    agree(x, w, strides=strides, padding="same")


@pytest.mark.parametrize("gradient", ops.ADDER_GRADIENTS)
@pytest.mark.parametrize("strides", [1, 2])
def test_work_in_several_chunks_agrees(small_memory, rng, gradient, strides):
    x = rng.normal(size=(3, 17, 15, 8)).astype("float32")
    w = rng.normal(size=(3, 3, 8, 16)).astype("float32")
    agree(x, w, strides=strides, padding="same", gradient=gradient)


@pytest.mark.parametrize("gradient", ["full_precision", "sign"])
def test_a_kernel_larger_than_a_chunk_agrees(small_memory, rng, gradient):
    # 200 * 100 differences a pixel, where a chunk holds 8192.
    x = rng.normal(size=(2, 3, 200)).astype("float32")
    w = rng.normal(size=(1, 200, 100)).astype("float32")
    agree(x, w, gradient=gradient)


def test_three_spatial_axes_agree(rng):
    x = rng.normal(size=(1, 4, 5, 3, 2)).astype("float32")
    w = rng.normal(size=(2, 3, 1, 2, 3)).astype("float32")
    agree(x, w, padding="same", strides=(2, 1, 1))


def test_large_offsets_keep_their_precision(rng):
    x = (rng.normal(size=(2, 8, 8, 16)) + 100).astype("float32")
    w = (rng.normal(size=(3, 3, 16, 8)) + 100).astype("float32")
    agree(x, w, tolerance=2e-5)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has unknown sizes"
)
@pytest.mark.parametrize(("strides", "padding"), [(1, "same"), (2, "same"), (2, "valid")])
def test_unknown_sizes_agree(rng, strides, padding):
    import tensorflow as tf

    x = rng.normal(size=(2, 9, 8, 3)).astype("float32")
    w = rng.normal(size=(3, 3, 3, 4)).astype("float32")
    y = reference.adder_conv(x, w, strides, padding)
    upstream = rng.normal(size=y.shape).astype("float32")
    dx, dw = reference.adder_conv_gradients(x, w, upstream, strides, padding)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((3, 3, 3, 4))]
    )
    def run(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            output = ops.adder_conv(a, b, strides=strides, padding=padding)
        return output, tape.gradient(output, [a, b], tf.constant(upstream))

    output, (to_x, to_w) = run(tf.constant(x), tf.constant(w))
    assert relative(output.numpy(), y) <= 1e-5
    assert relative(to_x.numpy(), dx) <= 1e-5
    assert relative(to_w.numpy(), dw) <= 1e-5


def test_depthwise_output_channels_follow_the_multiplier(rng):
    x = rng.normal(size=(1, 5, 5, 2)).astype("float32")
    w = rng.normal(size=(3, 3, 2, 3)).astype("float32")
    y = keras.ops.convert_to_numpy(ops.adder_depthwise_conv(x, w))
    single = keras.ops.convert_to_numpy(ops.adder_conv(x[..., 1:], w[:, :, 1:, 2:]))
    np.testing.assert_allclose(y[..., 5:], single, rtol=1e-6)


def test_dense_takes_any_number_of_leading_axes(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    w = rng.normal(size=(5, 6)).astype("float32")
    y = keras.ops.convert_to_numpy(ops.adder_dense(x, w))
    np.testing.assert_allclose(y, -np.abs(x[..., None] - w).sum(-2), rtol=1e-5)


def test_padding_contributes_the_kernel():
    x = np.zeros((1, 1, 1, 1), "float32")
    w = np.ones((3, 3, 1, 1), "float32")
    y = ops.adder_conv(x, w, padding="same")
    assert float(keras.ops.convert_to_numpy(y)[0, 0, 0, 0]) == -9.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_special_values_reach_the_outputs_that_read_them(value):
    x = np.zeros((1, 5, 5, 1), "float32")
    x[0, 0, 0, 0] = value
    w = np.ones((3, 3, 1, 2), "float32")
    y = keras.ops.convert_to_numpy(ops.adder_conv(x, w))
    assert np.isnan(y[0, 0, 0]).all() if np.isnan(value) else (y[0, 0, 0] == -np.inf).all()
    assert np.isfinite(y[0, 1:]).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_inputs_are_accumulated_in_float32(dtype):
    # 4096 distances of 1: a float16 sum would stop at 2048, a bfloat16 one at 256.
    x = keras.ops.zeros((1, 4096), dtype=dtype)
    w = keras.ops.ones((4096, 1), dtype="float32")
    y = ops.adder_dense(x, w)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    assert float(keras.ops.convert_to_numpy(keras.ops.cast(y, "float32"))[0, 0]) == -4096.0


def test_the_jitted_form_agrees(rng):
    if keras.backend.backend() == "torch":
        pytest.skip("torch.compile of the operation is covered by tests/layers/test_training.py")
    x = rng.normal(size=(2, 6, 5, 3)).astype("float32")
    w = rng.normal(size=(3, 3, 3, 4)).astype("float32")
    agree(x, w, jit=True)


def test_the_memory_limit_can_be_set_and_read(small_memory):
    assert ops.memory_limit() == 2**20


@pytest.mark.parametrize("limit", [0, -1, 2**19, 1.5e9, True, "64MiB"])
def test_a_bad_memory_limit_is_refused(limit):
    with pytest.raises(ValueError, match="`limit` must be an integer"):
        ops.set_memory_limit(limit)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gradient": "exact"}, "`gradient` must be one of"),
        ({"padding": "full"}, "`padding` must be"),
        ({"data_format": "NHWC"}, "`data_format` must be"),
        ({"strides": 0}, "`strides` must be a positive integer"),
        ({"strides": (1, 1, 1)}, "`strides` must be a positive integer or a tuple of 2"),
        ({"dilation_rate": 4}, "dilated kernel must fit"),
    ],
)
def test_a_bad_argument_of_adder_conv_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ops.adder_conv(
            np.zeros((1, 4, 4, 2), "float32"), np.zeros((3, 3, 2, 2), "float32"), **arguments
        )


@pytest.mark.parametrize(
    ("x_shape", "w_shape"),
    [((1, 4, 2), (3, 3, 2, 2)), ((1, 4, 4, 3), (3, 3, 2, 2)), ((1, 4, 4, 4), (3, 3, 2, 3))],
)
def test_shapes_that_do_not_fit_are_refused(x_shape, w_shape):
    with pytest.raises(ValueError, match=r"Received: .*kernel.shape="):
        ops.adder_conv(np.zeros(x_shape, "float32"), np.zeros(w_shape, "float32"))
