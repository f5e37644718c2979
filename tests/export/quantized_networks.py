"""What the tests of `quantize` use: cases, and when an int8 network is close to its model."""

import keras
import numpy as np
from export_helpers import predict
from keras import layers

from keras_shiftadd import export

# Integers are made from numbers, not by a backend: elsewhere a case of each kind is enough.
EVERYWHERE = slice(None if keras.backend.backend() == "torch" else 1)


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
    """The types of the operators of a network."""
    return [type(operator) for operator in network.operators]


def residual(data, *middle):
    """Layers, their input added to their output, and a ReLU."""
    inputs = keras.Input(data.shape[1:])
    x = inputs
    for layer in middle:
        x = layer(x)
    return keras.Model(inputs, layers.ReLU()(layers.Add()([x, inputs])))
