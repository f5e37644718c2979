"""Keras models as int8 networks: close to the float model, layer by layer and as a whole."""

import keras
import numpy as np
import pytest
from export_helpers import (
    CONVOLUTIONS,
    DENSE,
    DEPTHWISE,
    SEQUENCES,
    hybrid_network,
    normal,
    predict,
    sequential,
    settle,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import (
    Add,
    Convolution,
    Lookup,
    Mean,
    Multiply,
    Pad,
    Reshape,
)

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
# Integers are made from numbers, not by a backend: elsewhere a case of each kind is enough.
EVERYWHERE = slice(None if ON_TENSORFLOW else 1)
once = pytest.mark.skipif(
    not ON_TENSORFLOW, reason="does not depend on the backend: KERAS_BACKEND=tensorflow"
)


def hold(model, data, most_steps=2.5, most_relative=0.025, **arguments):
    """The int8 network agrees with the model; returns the network."""
    network = export.quantize(model, data, **arguments)
    expected = predict(model, data)
    received = export.IntegerInterpreter(network).predict(data).reshape(expected.shape)
    step = network.tensors[network.output].quantization.scale
    assert expected.std() > 0
    assert np.max(np.abs(received - expected)) <= most_steps * step
    relative = np.sqrt(np.mean((received - expected) ** 2)) / expected.std()
    assert relative <= most_relative
    return network


def kinds(network):
    return [type(operator) for operator in network.operators]


def residual(data, *middle):
    inputs = keras.Input(data.shape[1:])
    x = inputs
    for layer in middle:
        x = layer(x)
    return keras.Model(inputs, layers.ReLU()(layers.Add()([x, inputs])))


@pytest.mark.parametrize("operator", CONVOLUTIONS)
@pytest.mark.parametrize(
    ("shape", "filters", "arguments"),
    [
        ((9, 7, 3), 5, {"kernel_size": 3, "padding": "same"}),
        ((8, 8, 4), 6, {"kernel_size": 1, "use_bias": False}),
        ((9, 8, 3), 5, {"kernel_size": (3, 2), "strides": (2, 1)}),
        ((11, 9, 3), 5, {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
        ((6, 6, 4), 6, {"kernel_size": 3, "groups": 2, "padding": "same"}),
    ][EVERYWHERE],
)
def test_convolution(operator, shape, filters, arguments):
    model = sequential(shape, CONVOLUTIONS[operator](filters, **arguments))
    # An input that is saturated is seen in every filter of an adder layer.
    network = hold(model, normal(*shape), most_steps=6.0 if operator == "adder" else 2.5)
    [convolution] = network.operators
    assert convolution.operator == operator
    assert convolution.requantization.rounding == ("double" if operator == "conv" else "single")


@pytest.mark.parametrize("operator", DEPTHWISE)
@pytest.mark.parametrize("arguments", [{"strides": 2, "depth_multiplier": 2}, {}][EVERYWHERE])
def test_depthwise_convolution(operator, arguments):
    hold(sequential((9, 7, 3), DEPTHWISE[operator](3, **arguments)), normal(9, 7, 3), 3.0)


@pytest.mark.parametrize("operator", SEQUENCES)
@pytest.mark.parametrize(
    "arguments",
    [{"padding": "causal", "dilation_rate": 2}, {"strides": 2, "padding": "same"}][EVERYWHERE],
)
def test_sequence_convolution(operator, arguments):
    network = hold(sequential((20, 4), SEQUENCES[operator](6, 3, **arguments)), normal(20, 4))
    assert network.tensors[0].shape == (1, 20, 4)


@pytest.mark.parametrize("operator", DENSE)
@pytest.mark.parametrize("shape", [(12,), (5, 12)][EVERYWHERE])
def test_dense(operator, shape):
    hold(sequential(shape, DENSE[operator](7)), normal(*shape))


@pytest.mark.parametrize("operator", ["conv", "shift", "adder"])
def test_hybrid_convolution(operator):
    layer = ksa_layers.HybridConv2D(6, 3, padding="same", operator=operator)
    [convolution] = hold(sequential((8, 8, 4), layer), normal(8, 8, 4)).operators
    assert convolution.operator == operator


def test_shift_adder_convolution():
    layer = ksa_layers.ShiftAdderConv2D(6, 3, strides=2, padding="same")
    shift, adder = hold(sequential((8, 8, 4), layer), normal(8, 8, 4)).operators
    assert (shift.operator, adder.operator) == ("shift", "adder")


@once
@settings(max_examples=12, deadline=None)
@given(
    operator=st.sampled_from(["conv", "shift", "adder"]),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
)
def test_odd_shapes(operator, size, channels, filters, kernel_size, strides, padding):
    keras.utils.set_random_seed(0)
    layer = CONVOLUTIONS[operator](filters, kernel_size, strides=strides, padding=padding)
    hold(sequential((*size, channels), layer), normal(*size, channels), 4.0, 0.06)


@pytest.mark.parametrize("operator", CONVOLUTIONS)
def test_a_normalization_and_a_relu_are_folded(operator):
    negative = keras.initializers.RandomUniform(-1.5, 1.5, seed=0)
    data = normal(8, 8, 3)
    model = sequential(
        (8, 8, 3),
        CONVOLUTIONS[operator](6, 3, use_bias=False),
        layers.BatchNormalization(gamma_initializer=negative),
        layers.ReLU(),
    )
    settle(model, data)
    [convolution] = hold(model, data, most_steps=8.0).operators
    assert convolution.requantization.low == convolution.requantization.zero_point
    assert (convolution.requantization.multiplier < 0).any() == (operator == "adder")


@once
def test_single_rounding_has_a_shift_of_32_where_the_factor_is_below_one_half():
    data = normal(8, 8, 8)
    model = sequential((8, 8, 8), layers.Conv2D(6, 3))
    [convolution] = hold(model, data, conv_rounding="single").operators
    assert convolution.requantization.rounding == "single"
    assert (convolution.requantization.shift == 32).all()


@once
def test_power_of_two_scales_of_a_shift_layer_cost_nothing():
    data = normal(8, 8, 4)
    model = sequential((8, 8, 4), ksa_layers.ShiftConv2D(6, 3))
    [convolution] = hold(model, data, power_of_two_scales=True, most_relative=0.04).operators
    assert (convolution.requantization.multiplier == 1).all()


@once
def test_power_of_two_scales_behind_a_normalization_keep_the_means():
    data = normal(8, 8, 4)
    gain = keras.initializers.RandomUniform(0.5, 1.5, seed=0)
    model = sequential(
        (8, 8, 4),
        ksa_layers.ShiftConv2D(6, 3),
        layers.BatchNormalization(gamma_initializer=gain),
    )
    settle(model, data)
    network = hold(model, data, power_of_two_scales=True, most_steps=99, most_relative=0.35)
    assert set(np.abs(network.operators[0].requantization.multiplier).tolist()) == {1}
    received = export.IntegerInterpreter(network).predict(data).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(received, predict(model, data).mean(axis=(0, 1, 2)), atol=0.02)


@once
def test_adder_weights_beyond_the_inputs_cost_no_precision():
    data = normal(7, 7, 4)
    far = keras.initializers.RandomNormal(stddev=300.0, seed=0)
    layer = ksa_layers.AdderConv2D(6, 3, kernel_initializer=far)
    model = settle(sequential((7, 7, 4), layer, layers.BatchNormalization()), data)
    hold(model, data, most_steps=8.0)
    covering = export.quantize(model, data, redistribute=False)
    received = export.IntegerInterpreter(covering).predict(data)
    assert np.abs(received - predict(model, data)).mean() > 0.3


@once
def test_another_reader_of_an_adder_input_keeps_its_own_scale():
    data = normal(8, 8, 3)
    wide = keras.initializers.RandomNormal(stddev=5.0, seed=0)
    layer = ksa_layers.AdderConv2D(
        3,
        3,
        padding="same",
        kernel_initializer=wide,
        bias_initializer=keras.initializers.Constant(90),
    )
    network = export.quantize(residual(data, layer), data, redistribute=False)
    assert kinds(network) == [Lookup, Convolution, Add]
    adder, add = network.operators[1:]
    scale = network.tensors[0].quantization.scale
    assert network.tensors[adder.inputs[0]].quantization.scale > 2 * scale
    assert add.inputs[1] == 0


@once
def test_the_mean_error_of_a_channel_is_taken_off():
    data = normal(8, 8, 8)
    model = settle(
        sequential(
            (8, 8, 8), ksa_layers.AdderConv2D(8, 3, padding="same"), layers.BatchNormalization()
        ),
        data,
    )
    expected = predict(model, data).mean(axis=(0, 1, 2))
    errors = []
    for correct_bias in (False, True):
        network = export.quantize(model, data, correct_bias=correct_bias)
        received = export.IntegerInterpreter(network).predict(data).mean(axis=(0, 1, 2))
        errors.append(np.abs(received - expected).max())
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize(
    ("shape", "make", "most_steps"),
    [
        ((9, 7, 3), lambda: layers.MaxPooling2D(3, strides=2, padding="same"), 0.6),
        ((9, 7, 3), lambda: layers.AveragePooling2D(3, strides=2, padding="same"), 1.1),
        ((9, 3), lambda: layers.MaxPooling1D(2), 0.6),
        ((9, 3), lambda: layers.AveragePooling1D(2), 1.1),
        ((9, 7, 3), lambda: layers.GlobalMaxPooling2D(), 0.6),
        ((9, 7, 3), lambda: layers.GlobalAveragePooling2D(keepdims=True), 2.0),
        ((9, 3), lambda: layers.GlobalMaxPooling1D(), 0.6),
        ((9, 3), lambda: layers.GlobalAveragePooling1D(), 2.0),
        ((6, 6, 3), lambda: layers.Reshape((-1, 9)), 0.6),
        ((6, 6, 3), lambda: layers.Flatten(), 0.6),
        ((6, 6, 3), lambda: layers.ZeroPadding2D(((1, 2), (0, 1))), 0.6),
        ((6, 3), lambda: layers.ZeroPadding1D((1, 2)), 0.6),
        ((6, 6, 3), lambda: layers.Rescaling(0.5, -2.0), 1.5),
        ((6, 6, 3), lambda: layers.Normalization(mean=[1, -2, 3], variance=[1, 4, 9]), 1.5),
        ((6,), lambda: layers.Rescaling(0.5, -2.0), 1.5),
        ((6, 6, 3), lambda: layers.Dropout(0.5), 0.6),
        ((8, 8, 3), lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2), 2.5),
        ((8, 3), lambda: layers.SeparableConv1D(5, 3), 2.5),
        ((8, 3), lambda: layers.DepthwiseConv1D(3, strides=2, padding="same"), 2.5),
        ((6, 6, 3), lambda: layers.LeakyReLU(0.3), 1.5),
        ((6, 6, 3), lambda: layers.ReLU(negative_slope=0.1), 1.5),
        ((6, 6, 3), lambda: layers.ELU(2.0), 2.0),
        ((12,), lambda: layers.Softmax(), 1.5),
    ][EVERYWHERE],
)
def test_keras_layers(shape, make, most_steps):
    # With the whole range, no value is saturated.
    hold(sequential(shape, make()), normal(*shape), most_steps, calibration="minmax")


@once
@pytest.mark.parametrize(
    "activation",
    ["relu", "relu6", "leaky_relu", "sigmoid", "tanh", "softmax", "elu", "silu", "hard_silu"],
)
def test_activations(activation):
    model = sequential((6, 6, 3), layers.Conv2D(5, 3, activation=activation))
    hold(model, normal(6, 6, 3), most_steps=6.0)


@once
@pytest.mark.parametrize(("exponent", "most_steps"), [(0.1, 60.0), (0.5, 12.0), (1.7, 2.0)])
def test_a_power_is_a_table(exponent, most_steps):
    power = ksa_layers.PowerActivation(1.0)
    model = sequential((6, 6, 3), power)
    power.exponent.assign(exponent)
    # A root is steep at zero, where the rounding of the input shows; 0.1 counts as 0.25.
    [lookup] = hold(model, normal(6, 6, 3), most_steps, most_relative=0.06).operators
    assert lookup.function == "power"


@once
def test_a_power_has_no_builtin_operator(tmp_path):
    model = sequential((6, 6, 3), ksa_layers.PowerActivation(1.5))
    with pytest.raises(export.UnsupportedLayerError, match='kernels="custom"'):
        export.to_tflite(model, tmp_path / "model.tflite", normal(6, 6, 3), verbose=0)


@once
@pytest.mark.parametrize(("activation", "scale"), [("sigmoid", 1 / 256), ("tanh", 1 / 128)])
def test_the_scale_of_a_bounded_function_is_fixed(activation, scale):
    network = export.quantize(sequential((6,), layers.Activation(activation)), 99 * normal(6))
    assert network.tensors[network.output].quantization.scale == scale


@once
@pytest.mark.parametrize("limit", [1.0, 6.0, 10.0])
def test_relu_keeps_its_limit(limit):
    data = normal(6, 6, 3) * 8
    alone = sequential((6, 6, 3), layers.ReLU(max_value=limit))
    merged = sequential((6, 6, 3), layers.Conv2D(4, 1), layers.ReLU(max_value=limit))
    for model in (alone, merged):
        received = export.IntegerInterpreter(export.quantize(model, data)).predict(data * 9)
        assert received.max() == pytest.approx(limit, abs=0.03 * limit)
        assert received.min() == 0.0


@once
def test_fixed_point_inputs_of_a_shift_layer_are_rounded_down():
    layer = ksa_layers.ShiftConv2D(
        1, 1, activation_bits=(3, 1), kernel_initializer="ones", use_bias=False
    )
    values = np.float32([-9.0, -3.3, -0.7, -0.2, 0.0, 0.2, 0.7, 1.7, 3.3, 9.0])
    data = values.reshape(1, 10, 1, 1)
    network = export.quantize(
        sequential((10, 1, 1), layer), data, calibration="minmax", correct_bias=False
    )
    received = export.IntegerInterpreter(network).predict(data).ravel()
    np.testing.assert_allclose(
        received, [-4.0, -3.5, -1.0, -0.5, 0.0, 0.0, 0.5, 1.5, 3.0, 3.5], atol=0.03
    )


@once
def test_a_gate_multiplies_each_channel():
    inputs = keras.Input((8, 8, 3))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    gate = layers.Conv2D(3, 1, activation="sigmoid")(gate)
    network = hold(keras.Model(inputs, layers.Multiply()([inputs, gate])), normal(8, 8, 3))
    assert kinds(network) == [Mean, Reshape, Convolution, Lookup, Reshape, Multiply]


@once
def test_concatenated_tensors_take_the_scale_of_the_whole():
    inputs = keras.Input((8, 8, 3))
    parts = [layers.Conv2D(4, 1)(inputs), layers.Conv2D(2, 1)(inputs), inputs]
    network = hold(keras.Model(inputs, layers.Concatenate()(parts)), normal(8, 8, 3))
    # The input is read by others, and is copied into the scale.
    assert [kind for kind in kinds(network) if kind is Lookup] == [Lookup]


@once
def test_zeros_around_the_input_of_a_convolution_are_its_padding():
    model = sequential((8, 8, 3), layers.ZeroPadding2D(((1, 2), (3, 0))), layers.Conv2D(3, 3))
    [convolution] = hold(model, normal(8, 8, 3)).operators
    assert convolution.pads == ((1, 2), (3, 0))


@once
def test_zeros_that_others_read_are_an_operator():
    model = sequential((8, 8, 3), layers.ZeroPadding2D(1), layers.MaxPooling2D(2))
    assert kinds(hold(model, normal(8, 8, 3)))[0] is Pad


@once
@pytest.mark.parametrize("rounding", ["single", "double"])
def test_sums_and_differences(rounding):
    inputs = keras.Input((8, 8, 3))
    rectified = layers.Activation("relu")(inputs)
    difference = layers.Subtract()([inputs, rectified])
    total = layers.ReLU()(layers.Add()([inputs, rectified, difference]))
    model = keras.Model(inputs, total)
    network = hold(model, normal(8, 8, 3), most_steps=3.5, add_rounding=rounding)
    assert [operator.subtract for operator in network.operators if isinstance(operator, Add)] == [
        True,
        False,
        False,
    ]


@once
def test_sums_that_are_rounded_once_are_those_of_the_real_numbers():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Add()([inputs, layers.Activation("tanh")(inputs)]))
    network = export.quantize(model, normal(8, 8, 3), add_rounding="single")
    x = np.random.default_rng(0).integers(-128, 128, (16, 8, 8, 3)).astype(np.int8)
    tensors = export.IntegerInterpreter(network).tensors(x)
    [add] = [operator for operator in network.operators if isinstance(operator, Add)]
    operands = [network.tensors[i] for i in add.inputs]
    real = sum(t.quantization.scale * (tensors[t.name].astype(float) - t.quantization.zero_point)
               for t in operands)  # fmt: skip
    output = network.tensors[add.output]
    exact = real / output.quantization.scale + output.quantization.zero_point
    received = tensors[output.name]
    assert np.abs(np.clip(exact, -128, 127) - received).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("calibration", ["mse", "percentile", "minmax"][EVERYWHERE])
def test_a_hybrid_network_keeps_its_outputs(calibration):
    keras.utils.set_random_seed(1)
    data = normal(12, 12, 3, count=48)
    model = settle(hybrid_network(), data)
    network = hold(model, data, most_steps=6.0, most_relative=0.03, calibration=calibration)
    kernels = [operator for operator in network.operators if isinstance(operator, Convolution)]
    assert [operator.operator for operator in kernels] == [
        "conv", "shift", "adder", "shift", "adder", "conv",
    ]  # fmt: skip


@once
def test_channels_that_never_vary_do_not_spoil_the_others():
    data = normal(8, 8, 3)
    model = sequential((8, 8, 3), ksa_layers.AdderConv2D(4, 1), layers.BatchNormalization())
    settle(model, data)
    [gamma, beta, mean, variance] = model.layers[1].get_weights()
    gamma[0], gamma[1], beta[1] = 1e-9, 0.0, 0.7
    model.layers[1].set_weights([gamma, beta, mean, variance])
    network = hold(model, data, most_steps=6.0)
    received = export.IntegerInterpreter(network).predict(data)
    np.testing.assert_allclose(received[..., 1], 0.7, atol=0.03)


@once
def test_a_classifier_behind_dead_units():
    dead = layers.Dense(4, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))
    model = sequential((5,), dead, layers.Dense(3, bias_initializer=keras.initializers.Ones()))
    data = normal(5)
    network = export.quantize(model, data)
    np.testing.assert_allclose(export.IntegerInterpreter(network).predict(data), 1.0, atol=0.01)


@once
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu", "softmax"])
def test_an_activation_that_is_always_zero(activation):
    zero = layers.Dense(4, kernel_initializer="zeros")
    model = sequential((5,), zero, layers.Activation(activation), layers.Dense(3))
    data = normal(5)
    received = export.IntegerInterpreter(export.quantize(model, data)).predict(data)
    np.testing.assert_allclose(received, predict(model, data), atol=0.02)


@once
@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.Permute((2, 1, 3)), "exchanges axes"),
        (layers.Reshape((2, 4, 4, 6)), "has 4 axes"),
        (layers.Softmax(axis=1), "over the last axis"),
    ],
)
def test_a_layer_without_an_int8_form_is_named(layer, reason):
    with pytest.raises(export.UnsupportedLayerError, match=reason):
        export.quantize(sequential((8, 8, 3), layer), normal(8, 8, 3))


@once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"calibration": "entropy"}, "`calibration` must be one of minmax, percentile, mse"),
        ({"conv_rounding": "triple"}, "`conv_rounding` must be one of single, double"),
        ({"add_rounding": "none"}, "`add_rounding` must be one of single, double"),
        ({"redistribute": 1}, "`redistribute` must be True or False"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        export.quantize(sequential((8,), layers.Dense(2)), normal(8), **arguments)


@once
def test_named_tensors_can_be_looked_at():
    data = normal(8, 8, 3)
    model = sequential((8, 8, 3), layers.Conv2D(4, 3, name="first"), layers.Flatten(name="flat"))
    network = export.quantize(model, data)
    interpreter = export.IntegerInterpreter(network)
    tensors = interpreter.tensors(network.tensors[0].quantization.quantize(data))
    assert tensors["first"].shape == (24, 6, 6, 4)


def small_hybrid():
    return sequential(
        (8, 8, 3),
        layers.Conv2D(4, 3, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        ksa_layers.AdderConv2D(6, 3),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.Dropout(0.5),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(3),
    )


def test_a_quantization_aware_model_predicts_what_the_int8_network_does():
    data = normal(8, 8, 3)
    model = settle(small_hybrid(), data)
    aware = export.quantization_aware(model, data)
    network = export.quantize(aware, data)
    received = export.IntegerInterpreter(network).predict(data)
    step = network.tensors[network.output].quantization.scale
    # What is left: the rounding of kernels, and of the output.
    assert np.abs(received - predict(aware, data)).mean() < 1.5 * step
    assert len(network.operators) == len(export.quantize(model, data).operators)


def test_ranges_that_were_learned_are_taken():
    data = normal(8, 8, 3)
    model = settle(small_hybrid(), data)
    before = [weight.copy() for weight in model.get_weights()]
    aware = export.quantization_aware(model, data)
    aware.compile(keras.optimizers.SGD(0.1), loss="mse")
    aware.fit(data, np.ones((24, 3)), epochs=1, verbose=0)
    learned = [layer for layer in aware.layers if isinstance(layer, ksa_layers.FakeQuantization)]
    assert len(learned) == 3
    low, high = learned[0].learned_range()
    learned[0].set_weights([np.float32(low), np.float32(2 * high)])
    network = export.quantize(aware, data)
    quantization = network.tensors[network.input].quantization
    np.testing.assert_allclose(quantization.high - quantization.low, 2 * high - low, rtol=1e-3)
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_quantization_aware_model_survives_saving(tmp_path):
    data = normal(8, 8, 3)
    aware = export.quantization_aware(settle(small_hybrid(), data), data)
    aware.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(loaded, data), predict(aware, data))


@once
def test_a_range_of_other_bits_is_refused():
    model = sequential((8,), ksa_layers.FakeQuantization(num_bits=4))
    with pytest.raises(export.UnsupportedLayerError, match="num_bits must be 8"):
        export.quantize(model, normal(8))


def test_a_report_measures_each_step():
    data = normal(8, 8, 3)
    model = settle(small_hybrid(), data)
    labels = predict(model, data).argmax(axis=1)
    aware = export.quantization_aware(model, data)
    report = export.quantization_report(model, data, data, labels, fine_tuned=aware)
    assert report.float_accuracy == 1.0
    names = ["min/max", "calibrated", "redistributed", "bias corrected", "fine-tuned"]
    assert [step.step for step in report.steps] == names
    assert report.steps[3].error < report.steps[0].error
    assert all(step.accuracy == step.agreement >= 0.8 for step in report.steps)
    [adder] = report.adders
    assert 0.0 < adder.share < 1.0
    assert "fine-tuned" in str(report)
    assert adder.name in str(report)


@once
def test_layers_behind_rounded_gains_have_the_deviations_of_the_model():
    data = normal(8, 8, 4)
    gain = keras.initializers.RandomUniform(0.5, 1.5, seed=0)
    model = sequential(
        (8, 8, 4),
        ksa_layers.ShiftConv2D(8, 3),
        layers.BatchNormalization(gamma_initializer=gain),
        layers.ReLU(),
        layers.Conv2D(6, 3),
        ksa_layers.AdderConv2D(5, 1),
        layers.BatchNormalization(),
    )
    settle(model, data)
    network = export.quantize(model, data, power_of_two_scales=True)
    received = export.IntegerInterpreter(network).predict(data)
    expected = predict(model, data)
    for statistic in (np.mean, np.std):
        np.testing.assert_allclose(
            statistic(received, axis=(0, 1, 2)), statistic(expected, axis=(0, 1, 2)), atol=0.05
        )
    product = network.operators[1]
    derived = tflite_multiplier(
        network.tensors[1].quantization.scale
        * float(np.float32(product.kernel_scale[0]))
        / network.tensors[2].quantization.scale
    )
    requantization = product.requantization
    assert derived == (requantization.multiplier[0], requantization.shift[0])
