"""Costs of models on targets."""

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import HARDWARE, Cost, count_operations, estimate

layers = keras.layers
PLAIN = {"use_bias": False, "kernel_initializer": "ones"}


def join(*blocks, shape):
    """A model of functions of tensors, one after the other."""
    x = inputs = keras.Input(shape)
    for block in blocks:
        x = block(x)
    return keras.Model(inputs, x)


def stem(x):
    return layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, **PLAIN)(x)))


def residual(x):
    y = layers.ReLU()(layers.Conv2D(16, 1, **PLAIN)(x))
    y = ksa.layers.ShiftConv2D(4, 3, padding="same", **PLAIN)(y)
    return layers.Add()([layers.BatchNormalization()(y), x])


def before_normalization(x):
    y = layers.ReLU()(layers.BatchNormalization()(x))
    return layers.Add()([x, ksa.layers.AdderConv2D(4, 3, padding="same", **PLAIN)(y)])


def gate(x):
    y = layers.Dense(4, **PLAIN)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, y])


def three_readers(x):
    branches = [layers.Conv2D(n, 1, **PLAIN)(x) for n in (2, 5, 1)]
    return layers.Concatenate()([*branches, x])


def nested(x):
    return join(residual, gate, shape=x.shape[1:])(x)


def widening(x):
    return ksa.layers.ShiftAdderConv2D(12, 3, strides=2, padding="same", **PLAIN)(x)


def separable(x):
    return layers.SeparableConv2D(3, 3, depth_multiplier=2)(x)


def flatten(x):
    return layers.Flatten()(x)


def head(x):
    return ksa.layers.ShiftDense(3, kernel_initializer="ones")(x)


PARTS = [
    stem,
    residual,
    before_normalization,
    gate,
    nested,
    three_readers,
    widening,
    separable,
    flatten,
    head,
]


@pytest.mark.parametrize("target", HARDWARE)
def test_parts_in_sequence_cost_what_the_whole_costs(target):
    whole = estimate(join(*PARTS, shape=(10, 10, 3)), target)
    shape, costs = (10, 10, 3), []
    for part in PARTS:
        model = join(part, shape=shape)
        costs.append(estimate(model, target))
        shape = model.output_shape[1:]
    got = Cost.sequence(costs)
    assert (got.flash, got.ram) == (whole.flash, whole.ram)
    assert got.energy_uj == pytest.approx(whole.energy_uj)
    assert got.instructions == pytest.approx(whole.instructions)


@pytest.mark.parametrize("cut", range(1, len(PARTS)))
@pytest.mark.parametrize("accounting", ["fair", "paper"])
def test_cut_in_two_anywhere_costs_the_same(cut, accounting):
    whole = estimate(join(*PARTS, shape=(10, 10, 3)), accounting=accounting)
    first = join(*PARTS[:cut], shape=(10, 10, 3))
    second = join(*PARTS[cut:], shape=first.output_shape[1:])
    got = Cost.sequence([estimate(part, accounting=accounting) for part in (first, second)])
    assert (got.flash, got.ram) == (whole.flash, whole.ram)
    assert got.energy_uj == pytest.approx(whole.energy_uj)


def test_each_layer_finds_the_same_memory_in_a_part_as_in_the_whole():
    whole = count_operations(join(*PARTS, shape=(10, 10, 3)))
    shape, lives = (10, 10, 3), []
    for part in PARTS:
        model = join(part, shape=shape)
        lives += [(row.class_name, row.live) for row in count_operations(model).rows]
        shape = model.output_shape[1:]
    assert [(row.class_name, row.live) for row in whole.rows] == lives
