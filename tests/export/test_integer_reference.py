"""The NumPy reference of int8 networks: equal to the equations, and strict about its models."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import (
    Concatenate,
    Convolution,
    Lookup,
    Pooling,
    Requantization,
    Reshape,
)
from keras_shiftadd.export._integer.reference import run, run_all
from keras_shiftadd.export._integer.requantize import multiply
from keras_shiftadd.export._quantization import Quantization

pytestmark = pytest.mark.once
UNIT = Quantization(1.0, 3)


def loops(operator, x, kernel, zero, groups, strides, dilation, pads):
    """The sums as docs/integer_ops.md writes them, one element at a time."""
    rows, columns, channels, filters = kernel.shape
    padded = np.pad(x.astype(int), ((0, 0), *pads, (0, 0)), constant_values=zero)
    out = [
        (padded.shape[axis + 1] - (kernel.shape[axis] - 1) * dilation[axis] - 1) // strides[axis]
        + 1
        for axis in range(2)
    ]
    sums = np.zeros((len(x), *out, filters), int)
    for n, r, c, f in itertools.product(range(len(x)), *map(range, out), range(filters)):
        first = f // (filters // groups) * channels
        for i, j, k in itertools.product(range(rows), range(columns), range(channels)):
            value = padded[
                n, r * strides[0] + i * dilation[0], c * strides[1] + j * dilation[1], first + k
            ]
            w = int(kernel[i, j, k, f])
            sums[n, r, c, f] += -abs(value - w) if operator == "adder" else (value - zero) * w
    return sums


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
pads = st.tuples(st.integers(0, 2), st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(
    operator=st.sampled_from(["conv", "shift", "adder"]),
    size=st.tuples(st.integers(5, 7), st.integers(5, 7)),
    kernel_size=pairs,
    strides=pairs,
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(pads, pads),
    groups=st.integers(1, 3),
    channels=st.integers(1, 2),
    filters=st.integers(1, 2),
    zero=st.integers(-128, 127),
    seed=st.integers(0, 1000),
)
def test_sums_are_those_of_the_equations(
    operator, size, kernel_size, strides, dilation, padding, groups, channels, filters, zero, seed
):
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (2, *size, groups * channels)).astype("int8")
    kernel = rng.integers(-128, 128, (*kernel_size, channels, groups * filters)).astype("int8")
    arguments = (operator, x, kernel, zero, groups, strides, dilation, padding)
    np.testing.assert_array_equal(convolution_sums(*arguments), loops(*arguments))


def half_up(numerator, bits):
    return (2 * numerator + (1 << bits)) // (1 << (bits + 1))


def half_away(number, bits):
    magnitude = half_up(abs(number), bits)
    return magnitude if number >= 0 else -magnitude


@given(
    value=st.integers(-(2**31) + 1, 2**31 - 1),
    multiplier=st.integers(-(2**31) + 1, 2**31 - 1),
    shift=st.integers(1, 62),
)
def test_single_rounding_rounds_the_exact_product_once(value, multiplier, shift):
    result = multiply(np.int64(value), np.int32(multiplier), np.int32(shift), "single")
    assert result == half_up(value * multiplier, shift)


@given(
    value=st.integers(-(2**22), 2**22),
    multiplier=st.integers(0, 2**31 - 1),
    shift=st.integers(23, 62),
)
def test_double_rounding_rounds_the_high_half_then_the_shift(value, multiplier, shift):
    result = multiply(np.int64(value), np.int32(multiplier), np.int32(shift), "double")
    high = half_up((value << max(31 - shift, 0)) * multiplier, 31)
    assert result == half_away(high, max(shift - 31, 0))


def requantization(filters, zero=3):
    multiplier = np.full(filters, 1 << 30, np.int32)
    return Requantization(multiplier, np.full(filters, 35, np.int32), zero)


def small_network():
    """Convolution, pooling, a branch through a table, and a classifier."""
    rng = np.random.default_rng(0)
    kernel = (2 ** rng.integers(0, 7, (3, 3, 2, 4))).astype("int8")
    dense = rng.integers(-127, 128, (1, 1, 32, 3)).astype("int8")
    shapes = [(6, 6, 2), (4, 4, 4), (2, 2, 4), (2, 2, 4), (2, 2, 8), (32,), (3,)]
    tensors = tuple(Tensor(f"t{index}", shape, UNIT) for index, shape in enumerate(shapes))
    zeros = np.zeros(4, np.int32)
    operators = (
        Convolution("conv", "shift", (0,), 1, kernel, zeros, requantization(4), np.ones(4)),
        Pooling("pool", "max", (1,), 2, (2, 2), (2, 2)),
        Lookup("relu", "relu", (2,), 3, np.maximum(np.arange(-128, 128), 3).astype("int8")),
        Concatenate("concatenate", (2, 3), 4),
        Reshape("flatten", (4,), 5),
        Convolution(
            "dense", "adder", (5,), 6, dense, zeros[:3] + 900, requantization(3), np.ones(3)
        ),
    )
    return IntegerModel("small", tensors, operators, 0, 6)


def replaced(model, position, **fields):
    operators = list(model.operators)
    operators[position] = dataclasses.replace(operators[position], **fields)
    return dataclasses.replace(model, operators=tuple(operators))


def test_a_network_gives_all_tensors_and_its_output():
    model = small_network()
    x = np.random.default_rng(1).integers(-128, 128, (40, 6, 6, 2)).astype("int8")
    tensors = run_all(model, x)
    assert [value.shape[1:] for value in tensors] == [tensor.shape for tensor in model.tensors]
    assert all(value.dtype == np.int8 for value in tensors)
    np.testing.assert_array_equal(tensors[-1], run(model, x))
    assert len(np.unique(tensors[-1])) > 3
    np.testing.assert_array_equal(tensors[4][..., 4:], np.maximum(tensors[4][..., :4], 3))


def test_no_samples_give_no_outputs():
    assert run(small_network(), np.empty((0, 6, 6, 2), "int8")).shape == (0, 3)


@pytest.mark.parametrize(
    "x",
    [np.zeros((1, 6, 6, 2)), np.zeros((1, 6, 6, 3), "int8"), [1]],
    ids=["dtype", "shape", "list"],
)
def test_an_input_that_does_not_fit_is_named(x):
    with pytest.raises(ValueError, match="`x` must be an int8 array"):
        run(small_network(), x)


@pytest.mark.parametrize(
    ("position", "fields", "message"),
    [
        (0, {"kernel": np.full((3, 3, 2, 4), 3, np.int8)}, "power of two"),
        (0, {"kernel": np.ones((3, 3, 3, 4), np.int8)}, "`groups` must divide"),
        (0, {"bias": np.zeros(4)}, "`bias` must be an array of int32"),
        (0, {"bias": np.full(4, 2**30, np.int32)}, "biases must be below"),
        (0, {"operator": "xor"}, "`operator` must be"),
        (0, {"strides": (2, 2)}, "its output must have shape"),
        (0, {"requantization": requantization(1)}, "4 multipliers"),
        (0, {"requantization": requantization(4, zero=0)}, "zero point of its requantisation"),
        (1, {"size": (5, 5)}, "window must fit"),
        (1, {"pads": ((2, 2), (0, 0))}, "pads must be smaller"),
        (1, {"low": 5, "high": 4}, "in order"),
        (2, {"table": np.zeros(255, np.int8)}, "`table` must be an array of int8"),
        (2, {"output": 2}, "its output must be a tensor that nothing else makes"),
        (3, {"inputs": (2, 5)}, "outputs of earlier operators"),
        (3, {"inputs": (2,)}, "its output must have shape"),
    ],
)
def test_a_model_that_breaks_a_rule_is_refused(position, fields, message):
    with pytest.raises(ValueError, match=message):
        check(replaced(small_network(), position, **fields))


def test_double_rounding_refuses_negative_multipliers():
    model = small_network()
    wrong = Requantization(np.full(4, -1, np.int32), np.full(4, 35, np.int32), 3, "double")
    with pytest.raises(ValueError, match="must not be negative"):
        check(replaced(model, 0, requantization=wrong))


def test_a_tensor_that_nothing_makes_is_named():
    model = small_network()
    extra = Tensor("extra", (1,), UNIT)
    with pytest.raises(ValueError, match="'extra'"):
        check(dataclasses.replace(model, tensors=(*model.tensors, extra)))


def test_tensors_of_one_name_are_refused():
    model = small_network()
    tensors = (*model.tensors[:-1], dataclasses.replace(model.tensors[-1], name="t0"))
    with pytest.raises(ValueError, match="names of tensors must differ"):
        check(dataclasses.replace(model, tensors=tensors))
