"""HybridFeedForward: its equation, masks, conformance, errors."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference

L = ksa.layers


@pytest.mark.parametrize(
    "projection", ["dense", "shift", "adder", {"hidden": "adder", "output": "shift"}]
)
def test_it_is_two_layers_with_an_activation_between(rng, projection):
    x = rng.normal(size=(3, 5, 4)).astype("float32")
    layer = L.HybridFeedForward(6, 3, projection=projection)
    layer.build(x.shape)
    layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()])
    y = x
    for part in (layer.hidden, layer.output_projection):
        kernel, *bias = (np.asarray(w, "float64") for w in part.dense.get_weights())
        if part.kind == "adder":
            gamma, beta, mean, variance = part.normalization.get_weights()
            y = (reference.adder_conv(y, kernel[None]) - mean) / np.sqrt(variance + 1e-3)
            y = y * gamma + beta
        else:
            kernel = reference.round_to_power_of_two(kernel) if part.kind == "shift" else kernel
            y = y @ kernel + bias[0]
        if part is layer.hidden:
            y = np.maximum(y, 0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), y, rtol=1e-4, atol=1e-4)


def test_masked_positions_take_no_part_in_statistics(rng):
    x = rng.normal(size=(3, 5, 4)).astype("float32")
    mask = np.arange(5) < np.array([[5], [2], [3]])
    layer = L.HybridFeedForward(6, projection="adder")
    plain = keras.ops.convert_to_numpy(layer(x, mask=mask, training=True))
    changed = np.where(mask[..., None], x, 100.0).astype("float32")
    other = keras.ops.convert_to_numpy(layer(changed, mask=mask, training=True))
    np.testing.assert_allclose(other[mask], plain[mask], rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(
    "arguments",
    [
        {"projection": "shift", "activation": "gelu"},
        {"projection": "adder", "units": 3, "normalization_momentum": 0.9},
    ],
)
def test_layer_conforms(arguments):
    arguments = {"hidden_units": 6, "use_bias": False, **arguments}
    # Statistics that do not fit yet amplify every rounding of an adder.
    ksa.testing.check_layer(
        L.HybridFeedForward,
        arguments,
        (4, 5, 6),
        mixed_precision=arguments["projection"] != "adder",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_units": 0}, "`hidden_units` must be"),
        ({"projection": "conv"}, "`projection` must be one of"),
        ({"projection": {"hidden": "shift"}}, "must name the projection at each of"),
        ({"dropout": 1}, "`dropout` must be"),
        ({"weight_bits": 1}, "`weight_bits` must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        L.HybridFeedForward(**{"hidden_units": 4, **arguments})
