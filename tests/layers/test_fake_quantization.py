"""FakeQuantization: which numbers come out, and where gradients go."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import layer_gradients


def layer_of(low, high, **arguments):
    layer = ksa.layers.FakeQuantization(low, high, **arguments)
    layer.build((None, 4))
    return layer


def test_outputs_are_the_numbers_of_int8():
    layer = layer_of(-1.0, 1.5)
    x = np.linspace(-2, 2, 4000).reshape(1000, 4).astype("float32")
    y = keras.ops.convert_to_numpy(layer(x))
    step = 2.5 / 255
    np.testing.assert_allclose(y / step, np.rint(y / step), atol=1e-3)
    inside = (x > y.min()) & (x < y.max())
    assert np.abs(y - x)[inside].max() <= 0.51 * step
    assert len(np.unique(np.rint(y / step))) == 256


def test_gradients_pass_inside_and_reach_the_ends_outside():
    layer = layer_of(-1.0, 1.0)
    x = np.array([[-3.0, -0.2, 0.4, 5.0]], "float32")
    upstream = np.array([[1.0, 2.0, 4.0, 8.0]], "float32")
    _, inputs, (low, high) = layer_gradients(layer, x, upstream)
    np.testing.assert_allclose(inputs, [[0.0, 2.0, 4.0, 0.0]])
    # Divided by the root of 4 elements times 256 numbers.
    np.testing.assert_allclose([low, high], [1 / 32, 8 / 32], rtol=1e-5)


def test_the_range_always_holds_zero():
    layer = layer_of(-1.0, 1.0)
    layer.set_weights([np.float32(0.5), np.float32(2.0)])
    assert layer.learned_range() == (0.0, 2.0)
    layer.set_weights([np.float32(0.5), np.float32(-0.5)])
    low, high = layer.learned_range()
    assert low == 0.0 < high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1.0}, "must hold 0 between them"),
        ({"high": -1.0}, "must hold 0 between them"),
        ({"low": 0.0, "high": 0.0}, "must hold 0 between them"),
        ({"low": "x"}, "`low` must be a number"),
        ({"num_bits": 1}, "`num_bits` must be from 2 to 16"),
    ],
)
def test_an_argument_out_of_range_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ksa.layers.FakeQuantization(**arguments)
