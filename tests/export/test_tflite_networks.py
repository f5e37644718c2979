"""Whole networks: reference == LiteRT == tflite-micro, bit for bit."""

import keras
import numpy as np
import pytest
from integer_models import NetworkBuilder, assert_equal_models, random_inputs
from keras import layers
from keras_networks import NETWORKS, as_trained
from tflite_runners import assert_runs_alike, require_operators

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_all_operators(name, rng, tmp_path):
    require_operators()
    model, data = as_trained(NETWORKS[name](), rng)
    network = export.quantize(model, data)
    x = network.tensors[network.input].quantization.quantize(data[:10])
    x = x.reshape(len(x), *network.tensors[network.input].shape)
    assert_runs_alike(network, x, tmp_path)
    assert export.IntegerInterpreter(network).predict_quantized(x).std() > 0


def squeeze_excite(x):
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    return layers.Multiply()([x, layers.Reshape((1, 1, 4))(gate)])


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: layers.LeakyReLU()(ksa_layers.AdderConv2D(4, 3)(x)),
        lambda x: layers.ReLU(1.0)(layers.Conv2D(4, 3)(x)),
        lambda x: layers.Concatenate()([layers.MaxPooling2D(3)(x), layers.AveragePooling2D(3)(x)]),
        lambda x: layers.Subtract()([x, ksa_layers.ShiftConv2D(4, 3, padding="same")(x)]),
        lambda x: layers.Dense(1)(layers.Flatten()(x)),
        squeeze_excite,
    ],
    ids=["leaky relu", "limit", "pools", "subtract", "one unit", "squeeze and excite"],
)  # fmt: skip
def test_quantised_layers(layer, rng, tmp_path):
    require_operators()
    inputs = keras.Input((8, 8, 4))
    data = rng.normal(size=(20, 8, 8, 4)).astype("float32")
    network = export.quantize(keras.Model(inputs, layer(inputs)), data)
    x = network.tensors[network.input].quantization.quantize(data)
    assert_runs_alike(network, x, tmp_path)
    path = tmp_path / "network.tflite"
    assert_equal_models(export.read_tflite(path), network)


@pytest.mark.parametrize("seed", range(3))
def test_random_networks(seed, tmp_path):
    require_operators()
    random = np.random.default_rng(seed)
    builder = NetworkBuilder(random, (12, 12, 4))
    value = 0
    for index in range(6):
        operator = str(random.choice(["conv", "adder", "shift"]))
        kept = builder.convolution(value, operator, 8)
        depthwise = builder.convolution(kept, operator, 8, groups=8, activation="linear")
        value = builder.add(kept, depthwise, subtract=bool(index % 2), activation="relu")
        if index % 2:
            value = builder.pooling(value, "max" if index == 1 else "average")
    value = builder.convolution(builder.mean(value), "adder", 10, activation="linear")
    builder.softmax(value)
    model = builder.model()
    assert_runs_alike(model, random_inputs(random, model, 20), tmp_path)
