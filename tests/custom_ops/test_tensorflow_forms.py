"""Where the TensorFlow ops serve, where the portable form does, and what neither can do."""

import keras
import numpy as np
import pytest
from tensorflow_cases import Case

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops._library import CompiledOpsUnavailable
from keras_shiftadd.testing import reference

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

CASE = Case((6, 5), (3, 3))
OP = "ShiftaddAdderConv"


@pytest.fixture(autouse=True)
def _best_form(monkeypatch):
    monkeypatch.setenv("KERAS_SHIFTADD_OPS", "native")


@pytest.fixture
def tensors(rng):
    x, w, _ = CASE.arrays(rng)
    return tf.constant(x), tf.constant(w)


def op_types(function, *arguments):
    """The types of all ops of a function, those of the functions that it calls included."""
    definition = function.get_concrete_function(*arguments).graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return {node.op for node in nodes}


def conv(x, w):
    return binding.adder_conv(x, w, CASE.window, "full_precision")


def adder_conv(x):
    """The public operation, whichever form serves."""
    w = tf.reshape(tf.linspace(-1.0, 1.0, 9 * 3 * 4), (3, 3, 3, 4))
    return ksa.ops.adder_conv(x, w, padding="same")


def adder_model():
    return keras.Sequential(
        [
            keras.Input((6, 5, 3)),
            ksa.layers.AdderConv2D(4, 3, padding="same"),
            keras.layers.BatchNormalization(),
        ]
    )


def test_layers_use_the_op_eagerly_and_in_graphs(tensors):
    model = adder_model()
    assert OP in op_types(tf.function(model), tensors[0])
    assert ksa.custom_ops.status().form == "compiled"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_tensors_of_the_float_types_of_layers_are_served(tensors, dtype):
    x, w = tensors
    assert binding.serves(tf.cast(x, dtype), w)


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_tensors_of_other_types_are_not_served(tensors, dtype):
    x, w = tensors
    assert not binding.serves(tf.cast(x, dtype), w)


def test_beside_a_gpu_nothing_is_served(tensors, monkeypatch):
    devices = [tf.config.LogicalDevice("/CPU:0", "CPU"), tf.config.LogicalDevice("/GPU:0", "GPU")]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    binding._only_cpus.cache_clear()
    try:
        assert not binding.serves(*tensors)
    finally:
        binding._only_cpus.cache_clear()


def test_a_jit_compiled_function_takes_the_portable_form(tensors):
    compiled = tf.function(adder_conv, jit_compile=True)
    assert OP not in op_types(compiled, tensors[0])
    np.testing.assert_allclose(compiled(tensors[0]), adder_conv(tensors[0]), rtol=1e-5)


def test_functions_and_loops_inside_of_a_jit_compiled_one_take_the_portable_form(tensors):
    inner = tf.function(adder_conv)

    @tf.function(jit_compile=True)
    def outer(x):
        total = inner(x)
        for _ in tf.range(2):
            total += adder_conv(x)
        return total

    assert OP not in op_types(outer, tensors[0])
    np.testing.assert_allclose(outer(tensors[0]), 3 * adder_conv(tensors[0]), rtol=1e-5)


def test_a_function_beside_a_jit_compiled_one_takes_the_op(tensors):
    jitted = tf.function(adder_conv, jit_compile=True)

    @tf.function
    def both(x):
        return jitted(x), adder_conv(x)

    assert OP in op_types(both, tensors[0])
    portable, compiled = both(tensors[0])
    np.testing.assert_allclose(portable, compiled, rtol=1e-5)


def test_a_function_traced_before_a_jit_compiled_one_calls_it_is_an_error_that_names_the_op(
    tensors,
):
    inner = tf.function(adder_conv)
    inner(tensors[0])
    outer = tf.function(lambda x: inner(x), jit_compile=True)
    with pytest.raises(tf.errors.InvalidArgumentError, match=OP):
        outer(tensors[0])


def test_clustering_by_xla_leaves_the_op_out(tensors):
    function = tf.function(lambda x: tf.nn.relu(adder_conv(x) * 2.0 + 100.0) * 3.0)
    expected = function(tensors[0])
    tf.config.optimizer.set_jit("autoclustering")
    try:
        np.testing.assert_allclose(function(tensors[0]), expected, rtol=1e-5)
    finally:
        tf.config.optimizer.set_jit(False)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_model_trains_with_and_without_jit(rng, jit_compile):
    x = rng.normal(size=(8, 6, 5, 3)).astype("float32")
    y = rng.normal(size=(8, 6, 5, 4)).astype("float32")
    weights = []
    for jit in (None, jit_compile):
        keras.utils.set_random_seed(1)
        model = adder_model()
        model.compile(
            keras.optimizers.SGD(0.1), "mse", jit_compile=bool(jit), run_eagerly=jit is None
        )
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for eager, graph in zip(*weights, strict=True):
        np.testing.assert_allclose(eager, graph, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_layers_of_mixed_precision_sum_in_float32(rng, policy):
    layer = ksa.layers.AdderConv2D(
        4, 3, padding="same", use_bias=False, gradient_scale=None, dtype=policy
    )
    x = tf.cast(rng.normal(size=(2, 6, 5, 3)), layer.compute_dtype)
    with tf.GradientTape() as tape:
        y = layer(x)
    (dw,) = tape.gradient(y, layer.trainable_variables)
    assert y.dtype == layer.compute_dtype
    assert dw.dtype == "float32"
    wide = tf.cast(x, "float32").numpy()
    kernel = tf.cast(tf.cast(layer.kernel.value, layer.compute_dtype), "float32").numpy()
    expected = reference.adder_conv(wide, kernel, padding="same")
    precision = {"mixed_float16": 2.0**-10, "mixed_bfloat16": 2.0**-7}[policy]
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, rtol=precision)


def second_order(function, x, w):
    with tf.GradientTape() as outer:
        outer.watch(w)
        with tf.GradientTape() as inner:
            inner.watch(w)
            y = function(x, w)
        norm = tf.reduce_sum(inner.gradient(y, w) ** 2)
    return outer.gradient(norm, w)


def test_a_second_order_gradient_is_an_error_with_advice(tensors):
    with pytest.raises(NotImplementedError, match="KERAS_SHIFTADD_OPS=python"):
        second_order(conv, *tensors)
    for function in (
        lambda x, w: second_order(tf.function(conv), x, w),
        tf.function(lambda x, w: second_order(conv, x, w)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="KERAS_SHIFTADD_OPS=python"):
            function(*tensors)


def test_forward_mode_is_an_error_with_advice(tensors):
    x, w = tensors
    with (
        pytest.raises(NotImplementedError, match="KERAS_SHIFTADD_OPS=python"),
        tf.autodiff.ForwardAccumulator(x, tf.ones_like(x)),
    ):
        conv(x, w)


def test_maps_over_a_batch_take_the_op(tensors):
    x, w = tensors
    expected = conv(x, w)
    for function in (tf.map_fn, tf.vectorized_map):
        mapped = function(lambda image: conv(image[None], w)[0], x)
        np.testing.assert_allclose(mapped, expected, rtol=1e-6)


def test_several_tapes_may_watch_a_function(tensors):
    x, w = tensors
    with tf.GradientTape() as outer:
        outer.watch(w)
        with tf.GradientTape(persistent=True) as inner:
            inner.watch(w)
            y = tf.function(conv)(x, w)
        first = inner.gradient(y, w)
    np.testing.assert_array_equal(first, outer.gradient(y, w))
