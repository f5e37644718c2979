"""Networks in int8: close to the float model; learned ranges; reports."""

import keras
import numpy as np
import pytest
from export_helpers import hybrid_network, normal, predict, sequential, settle
from keras import layers
from quantized_networks import EVERYWHERE, hold

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers
from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import Convolution


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


@pytest.mark.once
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


@pytest.mark.once
def test_a_classifier_behind_dead_units():
    dead = layers.Dense(4, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))
    model = sequential((5,), dead, layers.Dense(3, bias_initializer=keras.initializers.Ones()))
    data = normal(5)
    network = export.quantize(model, data)
    np.testing.assert_allclose(export.IntegerInterpreter(network).predict(data), 1.0, atol=0.01)


@pytest.mark.once
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu", "softmax"])
def test_an_activation_that_is_always_zero(activation):
    zero = layers.Dense(4, kernel_initializer="zeros")
    model = sequential((5,), zero, layers.Activation(activation), layers.Dense(3))
    data = normal(5)
    received = export.IntegerInterpreter(export.quantize(model, data)).predict(data)
    np.testing.assert_allclose(received, predict(model, data), atol=0.02)


@pytest.mark.once
def test_named_tensors_can_be_looked_at():
    data = normal(8, 8, 3)
    model = sequential((8, 8, 3), layers.Conv2D(4, 3, name="first"), layers.Flatten(name="flat"))
    network = export.quantize(model, data)
    interpreter = export.IntegerInterpreter(network)
    tensors = interpreter.tensors(network.tensors[0].quantization.quantize(data))
    assert tensors["first"].shape == (24, 6, 6, 4)


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


@pytest.mark.once
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


@pytest.mark.once
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
