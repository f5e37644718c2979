"""Layers without weights as int8 operators: close to the float model."""

import keras
import numpy as np
import pytest
from export_helpers import normal, sequential
from keras import layers
from quantized_networks import EVERYWHERE, hold, kinds

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export._integer.operators import (
    Add,
    Convolution,
    Lookup,
    Mean,
    Multiply,
    Pad,
    Reshape,
)


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


@pytest.mark.once
@pytest.mark.parametrize(
    "activation",
    ["relu", "relu6", "leaky_relu", "sigmoid", "tanh", "softmax", "elu", "silu", "hard_silu"],
)
def test_activations(activation):
    model = sequential((6, 6, 3), layers.Conv2D(5, 3, activation=activation))
    hold(model, normal(6, 6, 3), most_steps=6.0)


@pytest.mark.once
@pytest.mark.parametrize(("exponent", "most_steps"), [(0.1, 60.0), (0.5, 12.0), (1.7, 2.0)])
def test_a_power_is_a_table(exponent, most_steps):
    power = ksa_layers.PowerActivation(1.0)
    model = sequential((6, 6, 3), power)
    power.exponent.assign(exponent)
    # A root is steep at zero, where the rounding of the input shows; 0.1 counts as 0.25.
    [lookup] = hold(model, normal(6, 6, 3), most_steps, most_relative=0.06).operators
    assert lookup.function == "power"


@pytest.mark.once
def test_a_power_has_no_builtin_operator(tmp_path):
    model = sequential((6, 6, 3), ksa_layers.PowerActivation(1.5))
    with pytest.raises(export.UnsupportedLayerError, match='kernels="custom"'):
        export.to_tflite(model, tmp_path / "model.tflite", normal(6, 6, 3), verbose=0)


@pytest.mark.once
@pytest.mark.parametrize(("activation", "scale"), [("sigmoid", 1 / 256), ("tanh", 1 / 128)])
def test_the_scale_of_a_bounded_function_is_fixed(activation, scale):
    network = export.quantize(sequential((6,), layers.Activation(activation)), 99 * normal(6))
    assert network.tensors[network.output].quantization.scale == scale


@pytest.mark.once
@pytest.mark.parametrize("limit", [1.0, 6.0, 10.0])
def test_relu_keeps_its_limit(limit):
    data = normal(6, 6, 3) * 8
    alone = sequential((6, 6, 3), layers.ReLU(max_value=limit))
    merged = sequential((6, 6, 3), layers.Conv2D(4, 1), layers.ReLU(max_value=limit))
    for model in (alone, merged):
        received = export.IntegerInterpreter(export.quantize(model, data)).predict(data * 9)
        assert received.max() == pytest.approx(limit, abs=0.03 * limit)
        assert received.min() == 0.0


@pytest.mark.once
def test_a_gate_multiplies_each_channel():
    inputs = keras.Input((8, 8, 3))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    gate = layers.Conv2D(3, 1, activation="sigmoid")(gate)
    network = hold(keras.Model(inputs, layers.Multiply()([inputs, gate])), normal(8, 8, 3))
    assert kinds(network) == [Mean, Reshape, Convolution, Lookup, Reshape, Multiply]


@pytest.mark.once
def test_concatenated_tensors_take_the_scale_of_the_whole():
    inputs = keras.Input((8, 8, 3))
    parts = [layers.Conv2D(4, 1)(inputs), layers.Conv2D(2, 1)(inputs), inputs]
    network = hold(keras.Model(inputs, layers.Concatenate()(parts)), normal(8, 8, 3))
    # The input is read by others, and is copied into the scale.
    assert [kind for kind in kinds(network) if kind is Lookup] == [Lookup]


@pytest.mark.once
def test_zeros_around_the_input_of_a_convolution_are_its_padding():
    model = sequential((8, 8, 3), layers.ZeroPadding2D(((1, 2), (3, 0))), layers.Conv2D(3, 3))
    [convolution] = hold(model, normal(8, 8, 3)).operators
    assert convolution.pads == ((1, 2), (3, 0))


@pytest.mark.once
def test_zeros_that_others_read_are_an_operator():
    model = sequential((8, 8, 3), layers.ZeroPadding2D(1), layers.MaxPooling2D(2))
    assert kinds(hold(model, normal(8, 8, 3)))[0] is Pad


@pytest.mark.once
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


@pytest.mark.once
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
