"""Small int8 networks that between them use every operator and form of convolution."""

import functools

import numpy as np
from integer_models import NetworkBuilder, random_inputs

from keras_shiftadd.export._integer.reference import run


def convolutions(rng):
    """Strides, dilation, groups, depthwise forms, odd channels, one-sided padding, dense layers."""
    builder = NetworkBuilder(rng, (11, 9, 3))
    x = builder.convolution(0, "conv", 5, strides=(2, 1))
    x = builder.convolution(x, "shift", 6, size=(3, 2), dilation=(1, 2))
    x = builder.convolution(x, "adder", 6, groups=2)
    x = builder.convolution(x, "conv", 12, groups=6, rounding="single")
    x = builder.convolution(x, "shift", 12, groups=12)
    x = builder.convolution(x, "adder", 12, groups=12, strides=(1, 2))
    x = builder.convolution(x, "adder", 7, size=(1, 1))
    x = builder.convolution(x, "shift", 9, size=(1, 1), padding="valid")
    x = builder.convolution(x, "adder", 4, size=(3, 1), padding=((2, 0), (0, 0)))
    x = builder.reshape(x, (6 * 5 * 4,))
    x = builder.convolution(x, "adder", 10)
    x = builder.convolution(x, "shift", 8)
    builder.convolution(x, "conv", 6, activation="linear")
    return builder.model("convolutions")


def residual(rng):
    """Branches, pooling, gates, functions, and what moves bytes."""
    builder = NetworkBuilder(rng, (12, 10, 3))
    a = builder.convolution(0, "conv", 8, strides=(2, 2))
    b = builder.convolution(a, "shift", 8)
    x = builder.add(a, b)
    gate = builder.lookup(builder.convolution(builder.mean(x), "conv", 8), "sigmoid")
    x = builder.multiply(x, gate)
    x = builder.concatenate(builder.pooling(x, "max"), builder.pooling(x, "average"))
    y = builder.convolution(x, "adder", 16)
    x = builder.add(x, y, subtract=True, activation="relu")
    x = builder.pad(x, ((1, 0), (0, 1)))
    x = builder.mean(builder.pooling(x, "average", (3, 3), (1, 1), "same"))
    builder.softmax(builder.convolution(x, "shift", 7, activation="linear"))
    return builder.model("residual")


NETWORKS = {"convolutions": convolutions, "residual": residual}


@functools.cache
def network(name):
    """A network, inputs, and the outputs of the reference."""
    rng = np.random.default_rng(5)
    model = NETWORKS[name](rng)
    x = random_inputs(rng, model, 3)
    return model, x, run(model, x)
