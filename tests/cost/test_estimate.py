"""Costs of models on targets."""

import functools

import keras
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.cost import HARDWARE, Cost, count_operations, energy_pj, estimate

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


@functools.cache
def whole():
    return count_operations(join(*PARTS, shape=(10, 10, 3)))


@functools.cache
def parts():
    shape, counts = (10, 10, 3), []
    for part in PARTS:
        model = join(part, shape=shape)
        counts.append(count_operations(model))
        shape = model.output_shape[1:]
    return counts


def assert_same_cost(got, expected):
    assert (got.flash, got.ram) == (expected.flash, expected.ram)
    assert got.energy_uj == pytest.approx(expected.energy_uj)
    assert got.instructions == pytest.approx(expected.instructions)


@pytest.mark.parametrize("target", HARDWARE)
def test_parts_in_sequence_cost_what_the_whole_costs(target):
    got = Cost.sequence([estimate(part, target) for part in parts()])
    assert_same_cost(got, estimate(whole(), target))


def test_parts_in_sequence_cost_what_the_whole_costs_in_paper_accounting():
    got = Cost.sequence([estimate(part, accounting="paper") for part in parts()])
    assert_same_cost(got, estimate(whole(), accounting="paper"))


@pytest.mark.parametrize("cut", range(1, len(PARTS)))
def test_cut_in_two_anywhere_costs_the_same(cut):
    first = join(*PARTS[:cut], shape=(10, 10, 3))
    second = join(*PARTS[cut:], shape=first.output_shape[1:])
    assert_same_cost(Cost.sequence([estimate(first), estimate(second)]), estimate(whole()))


def test_each_layer_finds_the_same_memory_in_a_part_as_in_the_whole():
    expected = [(row.class_name, row.live) for row in whole().rows]
    got = [(row.class_name, row.live) for part in parts() for row in part.rows]
    assert got == expected


def test_counts_and_model_cost_the_same():
    model = join(stem, residual, shape=(10, 10, 3))
    assert estimate(count_operations(model), "rv32i") == estimate(model, "rv32i")


def test_open_sizes_are_given_as_for_counting():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layers.Conv2D(4, 3, **PLAIN)(inputs))
    cost = estimate(model, input_shape=(6, 6, 3))
    assert cost == estimate(count_operations(model, (6, 6, 3)))
    with pytest.raises(ValueError, match="`input_shape` belongs to a model"):
        estimate(count_operations(model, (6, 6, 3)), input_shape=(6, 6, 3))


def test_arithmetic_alone_costs_what_energy_pj_says():
    counts = whole()
    for bits in (8, 16, 32):
        cost = estimate(counts, "asic-45nm-arithmetic", bits=bits)
        assert cost.energy_uj == pytest.approx(energy_pj(counts, bits) / 1e6)


def test_layers_of_which_nothing_is_counted_are_named_in_a_warning():
    inputs = keras.Input((8, 3))
    model = keras.Model(inputs, layers.GRU(4, name="memory")(inputs))
    with pytest.warns(UserWarning, match=r"memory \(GRU\)"):
        estimate(model)


def test_something_else_is_refused():
    with pytest.raises(TypeError, match="Keras model"):
        estimate("model.keras")
