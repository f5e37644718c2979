"""Layers with weights as int8 operators: close to the float model; what is refused."""

import keras
import numpy as np
import pytest
from export_helpers import (
    CONVOLUTIONS,
    DENSE,
    DEPTHWISE,
    SEQUENCES,
    normal,
    predict,
    sequential,
    settle,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from quantized_networks import EVERYWHERE, hold, kinds, residual

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export._integer.operators import Add, Convolution, Lookup


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


@pytest.mark.once
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


@pytest.mark.once
def test_single_rounding_has_a_shift_of_32_where_the_factor_is_below_one_half():
    data = normal(8, 8, 8)
    model = sequential((8, 8, 8), layers.Conv2D(6, 3))
    [convolution] = hold(model, data, conv_rounding="single").operators
    assert convolution.requantization.rounding == "single"
    assert (convolution.requantization.shift == 32).all()


@pytest.mark.once
def test_power_of_two_scales_of_a_shift_layer_cost_nothing():
    data = normal(8, 8, 4)
    model = sequential((8, 8, 4), ksa_layers.ShiftConv2D(6, 3))
    [convolution] = hold(model, data, power_of_two_scales=True, most_relative=0.04).operators
    assert (convolution.requantization.multiplier == 1).all()


@pytest.mark.once
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


@pytest.mark.once
def test_adder_weights_beyond_the_inputs_cost_no_precision():
    data = normal(7, 7, 4)
    far = keras.initializers.RandomNormal(stddev=300.0, seed=0)
    layer = ksa_layers.AdderConv2D(6, 3, kernel_initializer=far)
    model = settle(sequential((7, 7, 4), layer, layers.BatchNormalization()), data)
    hold(model, data, most_steps=8.0)
    covering = export.quantize(model, data, redistribute=False)
    received = export.IntegerInterpreter(covering).predict(data)
    assert np.abs(received - predict(model, data)).mean() > 0.3


@pytest.mark.once
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


@pytest.mark.once
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


@pytest.mark.once
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


@pytest.mark.once
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


@pytest.mark.once
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
