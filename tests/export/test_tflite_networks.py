"""Whole networks: reference == LiteRT == tflite-micro, bit for bit."""

import numpy as np
import pytest
from integer_models import NetworkBuilder, random_inputs
from keras_networks import NETWORKS, as_trained
from tflite_runners import assert_runs_alike, only_once, require_operators

from keras_shiftadd import export

pytestmark = only_once


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_all_operators(name, rng, tmp_path):
    require_operators()
    model, data = as_trained(NETWORKS[name](), rng)
    network = export.quantize(model, data)
    x = network.tensors[network.input].quantization.quantize(data[:10])
    x = x.reshape(len(x), *network.tensors[network.input].shape)
    assert_runs_alike(network, x, tmp_path)
    assert export.IntegerInterpreter(network).predict_quantized(x).std() > 0


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
