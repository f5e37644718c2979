"""The kernels as TensorFlow ops."""

import keras
import numpy as np
import pytest
from tensorflow_cases import CASES, GRADIENTS, Case

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._library import CompiledOpsUnavailable
from keras_shiftadd.custom_ops._window import Window

if keras.config.backend() != "tensorflow":
    pytest.skip(
        "needs Keras' TensorFlow backend: KERAS_BACKEND=tensorflow", allow_module_level=True
    )

import tensorflow as tf

from keras_shiftadd.custom_ops import tensorflow_binding as binding

try:
    binding.load()
except CompiledOpsUnavailable as unavailable:
    pytest.skip(f"{unavailable}: keras-shiftadd build --force", allow_module_level=True)

CASE = Case((9, 8), (3, 3), strides=(2, 1), groups=2)


def run(case, x, w, g, gradient="full_precision"):
    """Output, input gradient and kernel gradient."""
    x, w = tf.constant(x), tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        y = binding.adder_conv(x, w, case.window, gradient)
    dx, dw = tape.gradient(y, [x, w], output_gradients=tf.constant(g))
    return y.numpy(), dx.numpy(), dw.numpy()


def assert_close(actual, expected, tolerance=1e-5):
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * np.abs(e).max())


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_and_gradients_equal_numpy(rng, case, gradient):
    x, w, g = case.arrays(rng)
    assert_close(run(case, x, w, g, gradient), case.expected(x, w, g, gradient))


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_and_gradients_equal_the_portable_form(rng, monkeypatch, case, gradient):
    monkeypatch.setenv("KERAS_SHIFTADD_OPS", "python")
    x, w, g = case.arrays(rng)
    kernel = tf.constant(case.plain(w))
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        y = ksa.ops.adder_conv(
            inputs,
            kernel,
            strides=case.strides,
            dilation_rate=case.dilation,
            padding=case.padding,
            data_format="channels_last",
            gradient=gradient,
        )
    dx, dw = tape.gradient(y, [inputs, kernel], output_gradients=tf.constant(g))
    portable = y.numpy(), dx.numpy(), case.grouped(dw.numpy())
    assert_close(run(case, x, w, g, gradient), portable)


def test_a_function_of_open_sizes_takes_all_sizes(rng):
    signature = [tf.TensorSpec((None, None, None, 6)), tf.TensorSpec((9, 2, 3, 5))]

    @tf.function(input_signature=signature)
    def step(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = binding.adder_conv(x, w, CASE.window, "full_precision")
        return y, *tape.gradient(y, [x, w])

    assert step.get_concrete_function().output_shapes[0] == (None, None, None, 10)
    for size in ((9, 8), (4, 5)):
        x, w, _ = Case(size, (3, 3), groups=2).arrays(rng)
        y, dx, dw = step(x, w)
        expected = CASE.expected(x, w, np.ones_like(y), "full_precision")
        assert_close((y.numpy(), dx.numpy(), dw.numpy()), expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_static_shape_of_a_graph_is_the_shape_of_the_result(rng, case):
    x, w, g = case.arrays(rng)
    function = tf.function(lambda x, w: binding.adder_conv(x, w, case.window, "sign"))
    assert function.get_concrete_function(x, w).output_shapes == g.shape


def test_shapes_of_unknown_rank_pass_through_a_graph(rng):
    x, w, g = CASE.arrays(rng)
    signature = [tf.TensorSpec(None), tf.TensorSpec(None)]
    function = tf.function(
        lambda x, w: binding.adder_conv(x, w, CASE.window, "sign"), input_signature=signature
    )
    assert function.get_concrete_function().output_shapes.as_list() == [None] * 4
    assert function(x, w).shape == g.shape


def test_a_data_set_maps_it(rng):
    x, w, g = CASE.arrays(rng)
    data = tf.data.Dataset.from_tensor_slices(x).batch(1)
    data = data.map(lambda x: binding.adder_conv(x, w, CASE.window, "plain"), num_parallel_calls=2)
    y, _, _ = CASE.expected(x, w, g, "plain")
    assert_close([np.concatenate(list(data.as_numpy_iterator()))], [y])


def test_an_empty_batch_gives_an_empty_output_and_no_kernel_gradient(rng):
    x, w, g = CASE.arrays(rng)
    y, dx, dw = run(CASE, x[:0], w, g[:0])
    assert y.shape == (0, *g.shape[1:])
    assert dx.shape == (0, *x.shape[1:])
    np.testing.assert_array_equal(dw, np.zeros_like(w))


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "changes", "rule"),
    [
        ((9, 8, 6), (9, 2, 3, 5), {}, "`x` must have the shape"),
        ((2, 9, 8, 6), (9, 6, 5), {}, "`w` must have the shape"),
        ((2, 0, 8, 6), (9, 2, 3, 5), {}, "only the batch of `x` may be empty"),
        ((2, 9, 8, 6), (9, 2, 3, 0), {}, "no axis of `w` may be empty"),
        ((2, 9, 8, 6), (8, 2, 3, 5), {}, r"kernel_size\[0\] \* kernel_size\[1\] taps"),
        ((2, 9, 8, 5), (9, 2, 3, 5), {}, "the channels of `x` must be the groups of `w`"),
        ((2, 9, 2, 6), (9, 2, 3, 5), {"padding": "valid"}, "kernel must fit into the input"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"strides": (0, 1)}, r"Received: strides=\(0, 1\)"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"dilation": (1, -1)}, r"Received: dilation=\(1, -1\)"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"dilation": (1, 2**40)}, "must be two integers"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"strides": (1, 1, 1)}, "must be two integers"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"kernel_size": (-3, -3)}, "must be two integers"),
        ((2, 9, 8, 6), (9, 2, 3, 5), {"padding": "full"}, "not in the list of allowed values"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(x_shape, w_shape, changes, rule):
    arguments = {"kernel_size": (3, 3), "strides": (1, 1), "dilation": (1, 1), "padding": "same"}
    window = Window(**{**arguments, **changes})
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        binding.adder_conv(tf.zeros(x_shape), tf.zeros(w_shape), window, "plain")


@pytest.mark.parametrize("name", ["input_gradient", "kernel_gradient"])
@pytest.mark.parametrize("shape", [(2, 5, 8, 9), (2, 5, 7, 10), (10,), (0, 5, 8, 10)])
def test_a_gradient_of_another_shape_is_refused(rng, name, shape):
    x, w, _ = CASE.arrays(rng)
    op = getattr(binding._ops, f"shiftadd_adder_conv_{name}")
    with pytest.raises(tf.errors.InvalidArgumentError, match="`g` must have the shape"):
        op(
            x,
            w,
            tf.zeros(shape),
            slope="clip",
            kernel_size=[3, 3],
            strides=[2, 1],
            dilation=[1, 1],
            padding="same",
        )


def test_one_thread_and_two_give_the_same(rng):
    case = Case((30, 31), (3, 3), channels=16, filters=16, batch=8)
    arrays = case.arrays(rng)
    before = ksa.custom_ops.threads()
    try:
        results = []
        for threads in (1, 2):
            ksa.custom_ops.set_threads(threads)
            results.append(run(case, *arrays))
    finally:
        ksa.custom_ops.set_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
