"""PowerActivation: the signed power and its gradients."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa


def expected(layer, x, weights, upstream):
    """Outputs, gradient of the inputs, and gradients of the weights, in float64."""
    exponent = float(weights[0])
    magnitude, sign = np.abs(x), np.sign(x)
    outputs = sign * magnitude**exponent
    inputs_gradient = upstream * exponent * magnitude ** (exponent - 1)
    return outputs, inputs_gradient, [np.sum(upstream * outputs * np.log(magnitude))]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_the_layer_conforms(exponent):
    arguments = {"exponent": exponent}
    ksa.testing.check_layer(
        ksa.layers.PowerActivation,
        arguments,
        (3, 5, 4),
        reference=lambda x, weights, upstream: expected(None, x, weights, upstream),
    )


def test_zero_stays_zero_and_its_gradients_are_finite():
    layer = ksa.layers.PowerActivation(0.5)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    x = np.array([[0.0, -4.0, 1.0]], "float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), [[0.0, -2.0, 1.0]], atol=1e-6)
    model.fit(x, np.ones_like(x), verbose=0)
    assert np.isfinite(float(keras.ops.convert_to_numpy(layer.exponent)))


def test_an_exponent_that_is_not_trained_is_no_trainable_weight():
    layer = ksa.layers.PowerActivation(2.0, trainable_exponent=False)
    layer.build((None, 3))
    assert layer.trainable_weights == []


@pytest.mark.parametrize(
    "arguments", [{"exponent": 0}, {"exponent": "2"}, {"exponent": 0.1}, {"min_exponent": -1.0}]
)
def test_a_wrong_argument_is_named(arguments):
    with pytest.raises(ValueError, match="exponent` must be"):
        ksa.layers.PowerActivation(**arguments)
