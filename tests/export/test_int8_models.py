"""Whole models, exported: graphs of layers, and what bounds their memory."""

import keras
import numpy as np
import pytest
from export_helpers import hold, hybrid_network, not_on_jax, predict, sequential, settle
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers


@pytest.fixture(scope="module")
def hybrid_file(tmp_path_factory):
    """A hybrid network, its data, and the file that it was exported to."""
    keras.utils.set_random_seed(1)
    data = np.random.default_rng(0).normal(size=(48, 12, 12, 3)).astype("float32")
    model = settle(hybrid_network(), data)
    path = tmp_path_factory.mktemp("hybrid") / "model.tflite"
    export.to_tflite(model, path, data, verbose=0)
    return model, data, path


def test_hybrid_network_keeps_its_classes_on_both_runtimes(hybrid_file):
    model, data, path = hybrid_file
    expected = predict(model, data).argmax(axis=1)
    for runtime in export.RUNTIMES:
        received = export.Interpreter(path, runtime).predict(data).argmax(axis=1)
        assert np.mean(received == expected) >= 0.9


def test_runtimes_differ_by_few_steps_in_a_hybrid_network(hybrid_file):
    _, data, path = hybrid_file
    outputs = [export.Interpreter(path, name).predict(data) for name in export.RUNTIMES]
    step = export.Interpreter(path).output_details.scale
    # A step or less a layer; the network has six.
    assert np.max(np.abs(outputs[0] - outputs[1])) <= 6 * step


def test_input_and_output_are_int8(hybrid_file):
    interpreter = export.Interpreter(hybrid_file[2])
    assert interpreter.input_details.dtype == np.int8
    assert interpreter.output_details.dtype == np.int8


@not_on_jax
@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.Concatenate()([layers.Conv2D(3, 3, padding="same")(x), x]),
        lambda x: layers.Concatenate(axis=1)([layers.ReLU()(x), x]),
        lambda x: layers.Subtract()([layers.Conv2D(3, 1)(x), x]),
        lambda x: layers.Maximum()([layers.Conv2D(3, 1)(x), x]),
        lambda x: layers.Minimum()([layers.Conv2D(3, 1)(x), x]),
        lambda x: layers.Multiply()([layers.Conv2D(3, 1)(x), x]),
        lambda x: layers.ReLU()(layers.Add()([layers.Conv2D(3, 1)(x), x, x])),
        lambda x: layers.Dense(4)(layers.Flatten()(x)),
        lambda x: layers.Add()([layers.BatchNormalization()(x), x]),
    ],
)
def test_graphs(build, samples, to_file):
    inputs = keras.Input((8, 8, 3))
    # A step of a layer inside may be more than one of the output.
    hold(keras.Model(inputs, build(inputs)), samples(8, 8, 3), to_file, between=4)


@not_on_jax
def test_layer_used_twice(samples, to_file):
    inputs = keras.Input((8, 8, 3))
    layer = layers.Conv2D(3, 1)
    hold(keras.Model(inputs, layer(layer(inputs))), samples(8, 8, 3), to_file, between=2)


@not_on_jax
def test_model_inside_a_model(samples, to_file):
    inner_input = keras.Input((8, 8, 3))
    residual = keras.Model(
        inner_input, layers.Add()([inner_input, layers.Conv2D(3, 1)(inner_input)])
    )
    chain = sequential((8, 8, 3), ksa_layers.ShiftConv2D(3, 3), layers.ReLU())
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Flatten()(chain(residual(inputs))))
    hold(model, samples(8, 8, 3), to_file, between=2)


@not_on_jax
def test_output_that_is_also_used_inside_the_normalization_path(samples, to_file):
    inputs = keras.Input((8, 8, 3))
    adder = ksa_layers.AdderConv2D(3, 1)(inputs)
    model = keras.Model(inputs, layers.Add()([layers.BatchNormalization()(adder), adder]))
    hold(model, samples(8, 8, 3), to_file)


@not_on_jax
def test_channels_that_never_vary_do_not_spoil_the_others(samples, to_file):
    data = samples(8, 8, 3)
    variance = keras.initializers.Constant(1e-9)
    model = sequential(
        (8, 8, 3),
        ksa_layers.AdderConv2D(4, 1),
        layers.BatchNormalization(moving_variance_initializer=variance, epsilon=1e-12),
    )
    settle(model, data)
    [gamma, beta, mean, deviation] = model.layers[1].get_weights()
    kernel, bias = model.layers[0].get_weights()
    kernel[..., 0] = 0.0
    deviation[0] = 1e-9
    mean[0] = -float(np.abs(data).sum(axis=-1).mean())
    gamma[0] = 1e-6
    model.layers[0].set_weights([kernel, bias])
    model.layers[1].set_weights([gamma, beta, mean, deviation])
    path = to_file(model, data)
    received = export.Interpreter(path).predict(data)[..., 1:]
    expected = predict(model, data)[..., 1:]
    assert np.sqrt(np.mean((received - expected) ** 2)) < 0.1 * expected.std()


def test_tensor_that_is_always_zero(samples, to_file):
    model = sequential(
        (8, 8, 3),
        ksa_layers.AdderConv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
        layers.Softmax(),
    )
    path = to_file(model, samples(8, 8, 3))
    for runtime in export.RUNTIMES:
        received = export.Interpreter(path, runtime).predict(samples(8, 8, 3))
        np.testing.assert_allclose(received, 1 / 3, atol=1 / 256)


@not_on_jax
def test_smaller_scratch_takes_less_memory_and_more_operators(samples, to_file):
    data = samples(12, 12, 8, count=4)
    model = sequential((12, 12, 8), ksa_layers.AdderConv2D(16, 3, padding="same"))
    large = to_file(model, data, max_scratch_bytes=256 * 1024)
    large_count = len(export.audit(large).operators)
    large_arena = export.Interpreter(large, "tflite-micro").arena_bytes
    small = to_file(model, data, max_scratch_bytes=32 * 1024)
    small_arena = export.Interpreter(small, "tflite-micro").arena_bytes
    assert len(export.audit(small).operators) > large_count
    assert small_arena < large_arena
    # Beside the scratch: input, padded input and output, and the runtime's records.
    assert small_arena < 32 * 1024 + 2 * 14 * 14 * 16 + 40 * 1024


@not_on_jax
@pytest.mark.parametrize("bound", [8 * 1024, 600])
def test_result_does_not_depend_on_the_bound(bound, samples, to_file):
    data = samples(6, 6, 8, count=4)
    model = sequential((6, 6, 8), ksa_layers.AdderConv2D(10, 3, padding="same"))
    whole = export.Interpreter(to_file(model, data, max_scratch_bytes=1 << 20)).predict(data)
    parts = export.Interpreter(to_file(model, data, max_scratch_bytes=bound)).predict(data)
    np.testing.assert_array_equal(parts, whole)


@not_on_jax
def test_parts_of_depthwise_channels_come_in_order(samples, to_file):
    data = samples(6, 6, 10, count=4)
    layer = ksa_layers.AdderDepthwiseConv2D(3, depth_multiplier=2)
    model = sequential((6, 6, 10), layer)
    whole = export.Interpreter(to_file(model, data)).predict(data)
    parts = export.Interpreter(to_file(model, data, max_scratch_bytes=200)).predict(data)
    np.testing.assert_array_equal(parts, whole)


def test_learned_ranges_are_those_of_the_file(samples, to_file):
    data = samples(6, 6, 3)
    layer = ksa_layers.FakeQuantization(-0.5, 0.25)
    model = sequential((6, 6, 3), layers.Conv2D(4, 3), layers.Flatten(), layer)
    expected = predict(model, data)
    interpreter = export.Interpreter(to_file(model, data), "litert")
    received = interpreter.predict(data)
    assert interpreter.output_details.scale == pytest.approx(0.75 / 255)
    assert (received.min(), received.max()) == pytest.approx((-0.5, 0.25), rel=0.01)
    # A step of the input is larger than one of the output here.
    assert np.max(np.abs(received - expected)) <= interpreter.input_details.scale


def test_named_input_and_output(samples, to_file):
    inputs = keras.Input((6, 6, 2), name="image")
    model = keras.Model({"image": inputs}, {"scores": layers.Conv2D(3, 3)(inputs)})
    data = samples(6, 6, 2)
    path = to_file(model, data)
    expected = np.asarray(keras.ops.convert_to_numpy(model({"image": data})["scores"]))
    interpreter = export.Interpreter(path)
    tolerance = 4.5 * interpreter.output_details.scale
    np.testing.assert_allclose(interpreter.predict(data), expected, atol=tolerance)


def test_half_precision_model(samples, to_file):
    layer = layers.Conv2D(4, 3, dtype="mixed_bfloat16")
    hold(sequential((8, 8, 3), layer), samples(8, 8, 3), to_file)


@pytest.mark.parametrize("runtime", export.RUNTIMES)
def test_a_classifier_behind_dead_units_still_loads(tmp_path, rng, runtime):
    # The classifier reads zeros only, and puts out its tiny bias: far finer than the steps in which
    # it sums, of which its output has at most 128.
    dead = layers.Dense(4, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))
    biases = keras.initializers.Constant(1e-9)
    model = sequential((5,), dead, layers.Dense(3, bias_initializer=biases))
    data = rng.normal(size=(16, 5)).astype("float32")
    path = tmp_path / "model.tflite"
    export.to_tflite(model, path, data, verbose=0)
    interpreter = export.Interpreter(path, runtime)
    error = np.abs(interpreter.predict(data) - predict(model, data)).max()
    assert error <= 65 * interpreter.output_details.scale
