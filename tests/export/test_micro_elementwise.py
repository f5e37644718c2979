"""The kernels beside the convolutions have the bits of the NumPy reference."""

import ctypes

import numpy as np
import pytest
from micro_kernels import compile_library

from keras_shiftadd.export._integer import elementwise
from keras_shiftadd.export._integer.operators import (
    Add,
    Lookup,
    Mean,
    Multiply,
    Pooling,
    Requantization,
)
from keras_shiftadd.export._integer.softmax import softmax
from keras_shiftadd.export._integer.windows import output_size

pytestmark = pytest.mark.once
ROUNDINGS = ("single", "double")


def fields(kind, text):
    return [(name, kind) for name in text.split()]


class CRequantization(ctypes.Structure):
    _fields_ = (
        ("multiplier", ctypes.c_int32),
        ("shift", ctypes.c_uint8),
        ("rounding", ctypes.c_uint8),
        *fields(ctypes.c_int8, "zero low high"),
    )


class CPool(ctypes.Structure):
    _fields_ = (
        *fields(
            ctypes.c_uint16,
            "in_rows in_columns channels out_rows out_columns window_rows window_columns "
            "stride_rows stride_columns pad_rows pad_columns",
        ),
        *fields(ctypes.c_int8, "low high"),
    )


class CMean(ctypes.Structure):
    _fields_ = (
        ("positions", ctypes.c_uint32),
        ("channels", ctypes.c_uint16),
        ("input_zero", ctypes.c_int8),
        ("requantization", CRequantization),
    )


class CAdd(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        *fields(ctypes.c_uint8, "left_shift subtract"),
        ("input_zeros", ctypes.c_int8 * 2),
        ("input_multipliers", ctypes.c_int32 * 2),
        ("input_shifts", ctypes.c_uint8 * 2),
        ("requantization", CRequantization),
    )


class CMultiply(ctypes.Structure):
    _fields_ = (
        *fields(ctypes.c_uint32, "size b_size"),
        ("input_zeros", ctypes.c_int8 * 2),
        ("requantization", CRequantization),
    )


class CSoftmax(ctypes.Structure):
    _fields_ = (
        ("rows", ctypes.c_uint32),
        ("size", ctypes.c_uint16),
        ("multiplier", ctypes.c_int32),
        ("left_shift", ctypes.c_uint8),
        ("least_difference", ctypes.c_int32),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_library(tmp_path_factory.mktemp("micro") / "kernels.so")


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def integers(rng, *shape):
    return rng.integers(-128, 128, shape).astype(np.int8)


def requantization(multiplier, shift, rounding):
    made = Requantization(
        np.array([multiplier], np.int32), np.array([shift], np.int32), -7, rounding, -120, 110
    )
    return made, CRequantization(multiplier, shift, ROUNDINGS.index(rounding), -7, -120, 110)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("size", "window", "strides", "pads"),
    [
        ((6, 6), (2, 2), (2, 2), ((0, 0), (0, 0))),
        ((7, 5), (3, 2), (2, 1), ((1, 1), (0, 1))),
        ((3, 4), (5, 5), (1, 1), ((2, 2), (2, 2))),
    ],
)
def test_pooling(library, kind, size, window, strides, pads):
    x = integers(np.random.default_rng(0), *size, 5)
    operator = Pooling("pool", kind, (0,), 1, window, strides, pads, -90, 100)
    expected = elementwise.pool(operator, x[None])[0]
    out = output_size(size, window, strides, (1, 1), pads)
    y = np.empty((*out, 5), np.int8)
    before = (pads[0][0], pads[1][0])
    params = CPool(*size, 5, *out, *window, *strides, *before, -90, 100)
    library[f"ksa_{kind}_pool"](ctypes.byref(params), pointer(x), pointer(y))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_mean(library, rounding):
    x = integers(np.random.default_rng(0), 5, 3, 7)
    numbers, c_numbers = requantization(1_500_000_000, 33, rounding)
    expected = elementwise.mean(Mean("mean", (0,), 1, numbers), x[None], 11)[0]
    y = np.empty(7, np.int8)
    library["ksa_mean"](ctypes.byref(CMean(15, 7, 11, c_numbers)), pointer(x), pointer(y))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_add(library, rounding, subtract):
    rng = np.random.default_rng(0)
    a, b = integers(rng, 6, 50), integers(rng, 6, 50)
    numbers, c_numbers = requantization(1_400_000_000, 50, rounding)
    multipliers, shifts = (1_100_000_000, 2_000_000_000), (31, 33)
    operator = Add("add", (0, 1), 2, 20, np.array(multipliers), np.array(shifts), numbers, subtract)
    expected = elementwise.add(operator, a, b, (3, -9))
    params = CAdd(
        a.size,
        20,
        subtract,
        (ctypes.c_int8 * 2)(3, -9),
        (ctypes.c_int32 * 2)(*multipliers),
        (ctypes.c_uint8 * 2)(*shifts),
        c_numbers,
    )
    library["ksa_add"](ctypes.byref(params), pointer(a), pointer(b), pointer(a))
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize("subtract", [False, True])
@pytest.mark.parametrize(
    ("multipliers", "shift"), [((1_100_000, 700_000), 21), ((2**22 - 1, 1), 1), ((3, 0), 30)]
)
def test_add_of_exact_products(library, multipliers, shift, subtract):
    rng = np.random.default_rng(0)
    a, b = integers(rng, 6, 50), integers(rng, 6, 50)
    a[0, :4], b[0, :4] = (-128, 127, -128, 127), (-128, 127, 127, -128)
    numbers, c_numbers = requantization(1, shift, "single")
    shifts = (1, 1)
    operator = Add("add", (0, 1), 2, 1, np.array(multipliers), np.array(shifts), numbers, subtract)
    expected = elementwise.add(operator, a, b, (127, -128))
    params = CAdd(
        a.size,
        1,
        subtract,
        (ctypes.c_int8 * 2)(127, -128),
        (ctypes.c_int32 * 2)(*multipliers),
        (ctypes.c_uint8 * 2)(*shifts),
        c_numbers,
    )
    y = np.empty_like(a)
    library["ksa_add"](ctypes.byref(params), pointer(a), pointer(b), pointer(y))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("gate", [False, True])
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_multiply(library, rounding, gate):
    rng = np.random.default_rng(0)
    a = integers(rng, 1, 4, 5, 6)
    b = integers(rng, 1, 6) if gate else integers(rng, 1, 4, 5, 6)
    numbers, c_numbers = requantization(1_300_000_000, 37, rounding)
    expected = elementwise.product(Multiply("multiply", (0, 1), 2, numbers), a, b, (3, -9))
    y = np.empty_like(a)
    params = CMultiply(a.size, b.size, (ctypes.c_int8 * 2)(3, -9), c_numbers)
    library["ksa_multiply"](ctypes.byref(params), pointer(a), pointer(b), pointer(y))
    np.testing.assert_array_equal(y, expected)


def test_lookup(library):
    rng = np.random.default_rng(0)
    table, x = integers(rng, 256), np.arange(-128, 128, dtype=np.int8)
    expected = elementwise.lookup(Lookup("lookup", "tanh", (0,), 1, table), x)
    library["ksa_lookup"](pointer(table), ctypes.c_uint32(x.size), pointer(x), pointer(x))
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("left_shift", [20, 23, 25])
@pytest.mark.parametrize("size", [1, 2, 10, 300])
def test_softmax(library, size, left_shift):
    rng = np.random.default_rng(size)
    x = np.stack([integers(rng, size), np.full(size, 7, np.int8), np.arange(size) % 5])
    x = x.astype(np.int8)
    least = -(2**26) * 31 // 2**left_shift
    expected = softmax(x, 1_700_000_000, left_shift, least)
    y = np.empty_like(x)
    params = CSoftmax(len(x), size, 1_700_000_000, left_shift, least)
    library["ksa_softmax"](ctypes.byref(params), pointer(x), pointer(y))
    np.testing.assert_array_equal(y, expected)
