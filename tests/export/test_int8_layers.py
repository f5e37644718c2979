"""Each layer, exported alone: the file agrees with the model, on both runtimes."""

import keras
import numpy as np
import pytest
from export_helpers import (
    CONVOLUTIONS,
    DENSE,
    DEPTHWISE,
    SEQUENCES,
    hold,
    not_on_jax,
    sequential,
    settle,
)
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers

# The file is written from numbers, not by a backend: elsewhere a case of each kind is enough.
EVERYWHERE = slice(None if keras.backend.backend() == "torch" else 1)


def is_adder(path):
    names = set(export.audit(path).counts)
    return {"SUB", "ABS", "SUM"} <= names and not names & {"CONV_2D", "DEPTHWISE_CONV_2D"}


@pytest.mark.parametrize("operator", CONVOLUTIONS)
@pytest.mark.parametrize(
    ("shape", "filters", "arguments"),
    [
        ((9, 7, 3), 5, {"kernel_size": 3, "padding": "same"}),
        ((8, 8, 4), 6, {"kernel_size": 1}),
        ((7, 6, 4), 5, {"kernel_size": 1, "strides": 2}),
        ((9, 8, 3), 5, {"kernel_size": 3, "strides": 2, "padding": "same"}),
        ((9, 8, 3), 5, {"kernel_size": (3, 2), "strides": (2, 1)}),
        ((11, 9, 3), 5, {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
        ((9, 9, 2), 4, {"kernel_size": 5, "padding": "same", "use_bias": False}),
        ((6, 6, 4), 6, {"kernel_size": 3, "groups": 2, "padding": "same"}),
    ][EVERYWHERE],
)
def test_convolution(operator, shape, filters, arguments, samples, to_file):
    model = sequential(shape, CONVOLUTIONS[operator](filters, **arguments))
    path = hold(model, samples(*shape), to_file)
    assert is_adder(path) == (operator == "adder")


@pytest.mark.parametrize("operator", DEPTHWISE)
@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((9, 7, 3), {"padding": "same"}),
        ((9, 9, 3), {"strides": 2, "depth_multiplier": 2}),
        ((8, 8, 1), {"depth_multiplier": 4}),
    ][EVERYWHERE],
)
def test_depthwise_convolution(operator, shape, arguments, samples, to_file):
    model = sequential(shape, DEPTHWISE[operator](3, **arguments))
    path = hold(model, samples(*shape), to_file)
    assert is_adder(path) == (operator == "adder")


@pytest.mark.parametrize("operator", SEQUENCES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": 2, "padding": "same"},
        {"padding": "causal", "dilation_rate": 2},
        {"groups": 2, "use_bias": False},
    ][EVERYWHERE],
)
def test_sequence_convolution(operator, arguments, samples, to_file):
    model = sequential((20, 4), SEQUENCES[operator](6, 3, **arguments))
    path = hold(model, samples(20, 4), to_file)
    assert is_adder(path) == (operator == "adder")


@pytest.mark.parametrize("operator", DENSE)
@pytest.mark.parametrize("shape", [(5, 12), (12,)][EVERYWHERE])
def test_dense(operator, shape, samples, to_file):
    hold(sequential(shape, DENSE[operator](7)), samples(*shape), to_file)


@pytest.mark.parametrize("operator", ["conv", "shift", "adder"])
def test_hybrid_convolution(operator, samples, to_file):
    layer = ksa_layers.HybridConv2D(6, 3, padding="same", operator=operator)
    path = hold(sequential((8, 8, 4), layer), samples(8, 8, 4), to_file)
    assert is_adder(path) == (operator == "adder")


def test_shift_adder_convolution_becomes_a_shift_and_an_adder(samples, to_file):
    layer = ksa_layers.ShiftAdderConv2D(6, 3, strides=2, padding="same")
    # Two layers: the rounding of the first goes through the second.
    path = hold(sequential((8, 8, 4), layer), samples(8, 8, 4), to_file)
    counts = export.audit(path).counts
    assert counts["CONV_2D"] == 1
    assert counts["SUM"] >= 1


def test_adder_with_an_activation(samples, to_file):
    layer = ksa_layers.AdderConv2D(
        6, 3, activation="relu", bias_initializer=keras.initializers.Constant(30.0)
    )
    # The ReLU cuts off two thirds of the sums' range, and the output's steps are as much finer.
    hold(sequential((8, 8, 3), layer), samples(8, 8, 3), to_file, most_steps=10.0, between=3)


@pytest.mark.parametrize("kind", ["convolution", "groups", "depthwise", "dense"][EVERYWHERE])
def test_adder_weights_far_beyond_the_inputs_cost_no_precision(kind, samples, to_file):
    far = keras.initializers.RandomNormal(stddev=300.0, seed=0)
    shape = (7, 7, 4)
    layer = {
        "convolution": ksa_layers.AdderConv2D(6, 3, padding="same", kernel_initializer=far),
        "groups": ksa_layers.AdderConv2D(6, 3, groups=2, kernel_initializer=far),
        "depthwise": ksa_layers.AdderDepthwiseConv2D(
            3, depth_multiplier=2, depthwise_initializer=far
        ),
        "dense": ksa_layers.AdderDense(6, kernel_initializer=far),
    }[kind]
    # Without the normalisation what varies would be little beside the sum of the distances; with
    # it a step of the sums is some steps of the output.
    model = sequential(shape, layer, layers.BatchNormalization())
    data = samples(*shape)
    hold(settle(model, data), data, to_file, most_steps=8.0, between=5)


@pytest.mark.parametrize("form", ["quantized", "sign_exponent", "dense"][EVERYWHERE])
def test_shift_kernels_stay_powers_of_two_behind_a_folded_normalization(form, samples, to_file):
    model = sequential(
        (8, 8, 3),
        ksa_layers.ShiftConv2D(6, 3, form=form, use_bias=False),
        layers.BatchNormalization(
            gamma_initializer=keras.initializers.RandomUniform(-2.0, 2.0),
            moving_mean_initializer=keras.initializers.RandomNormal(),
            moving_variance_initializer=keras.initializers.RandomUniform(0.5, 3.0),
        ),
    )
    path = hold(model, samples(8, 8, 3), to_file)
    [operator] = export.audit(path).operators
    assert operator.name == "CONV_2D"
    assert operator.powers_of_two


@not_on_jax
@pytest.mark.parametrize("bits", [(16, 16), (4, 4), (2, 6)])
def test_fixed_point_activations_of_a_shift_layer(bits, samples, to_file):
    layer = ksa_layers.ShiftConv2D(6, 3, activation_bits=bits)
    hold(sequential((8, 8, 4), layer), samples(8, 8, 4), to_file)


def test_coarse_fixed_point_activations_are_rounded_down(to_file):
    layer = ksa_layers.ShiftConv2D(
        1, 1, activation_bits=(3, 1), kernel_initializer="ones", use_bias=False
    )
    # Off the grid, so that the int8 rounding of the input does not decide.
    values = np.float32([-9.0, -3.3, -0.7, -0.2, 0.0, 0.2, 0.7, 1.7, 3.3, 9.0])
    path = to_file(sequential((10, 1, 1), layer), values.reshape(1, 10, 1, 1))
    received = export.Interpreter(path).predict(values.reshape(1, 10, 1, 1)).ravel()
    expected = [-4.0, -3.5, -1.0, -0.5, 0.0, 0.0, 0.5, 1.5, 3.0, 3.5]
    np.testing.assert_allclose(received, expected, atol=0.02)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((9, 7, 3), lambda: layers.MaxPooling2D(3, strides=2, padding="same")),
        ((9, 7, 3), lambda: layers.AveragePooling2D(3, strides=2, padding="same")),
        ((9, 3), lambda: layers.MaxPooling1D(2)),
        ((9, 3), lambda: layers.AveragePooling1D(2)),
        ((9, 7, 3), lambda: layers.GlobalMaxPooling2D()),
        ((9, 7, 3), lambda: layers.GlobalAveragePooling2D(keepdims=True)),
        ((9, 3), lambda: layers.GlobalMaxPooling1D()),
        ((9, 3), lambda: layers.GlobalAveragePooling1D()),
        ((6, 6, 3), lambda: layers.Reshape((-1, 9))),
        ((6, 5, 3), lambda: layers.Permute((2, 1, 3))),
        ((6, 6, 3), lambda: layers.ZeroPadding2D(((1, 2), (0, 1)))),
        ((6, 3), lambda: layers.ZeroPadding1D((1, 2))),
        ((6, 6, 3), lambda: layers.Rescaling(0.5, -2.0)),
        ((6, 6, 3), lambda: layers.Normalization(mean=[1, -2, 3], variance=[1, 4, 9])),
        ((6, 6, 3), lambda: layers.Dropout(0.5)),
        ((8, 8, 3), lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same")),
        ((8, 3), lambda: layers.SeparableConv1D(5, 3)),
        ((8, 3), lambda: layers.DepthwiseConv1D(3, strides=2, padding="same")),
        ((6, 6, 3), lambda: layers.LeakyReLU(0.3)),
        ((6, 6, 3), lambda: layers.ReLU(max_value=10.0)),
        ((6, 6, 3), lambda: layers.ReLU(negative_slope=0.1)),
    ][EVERYWHERE],
)
def test_keras_layers(shape, make, samples, to_file):
    hold(sequential(shape, make()), samples(*shape), to_file, between=2)


@pytest.mark.parametrize(
    "activation",
    ["relu", "relu6", "leaky_relu", "sigmoid", "tanh", "softmax", "elu", "silu", "hard_silu"][
        EVERYWHERE
    ],
)
def test_activations(activation, samples, to_file):
    # LiteRT looks functions up in tables, tflite-micro computes some in fixed point.
    model = sequential((6, 6, 3), layers.Conv2D(5, 3, activation=activation))
    hold(model, samples(6, 6, 3), to_file, most_steps=6.0, between=4)


def test_relu_keeps_its_limit(samples, to_file):
    path = to_file(sequential((6, 6, 3), layers.ReLU(max_value=1.0)), samples(6, 6, 3))
    received = export.Interpreter(path).predict(samples(6, 6, 3))
    assert received.max() == pytest.approx(1.0, abs=0.01)
    assert received.min() == 0.0
