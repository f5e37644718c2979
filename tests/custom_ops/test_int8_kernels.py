"""The int8 kernels have the bits of the NumPy reference, on every instruction set."""

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_shiftadd as ksa
from keras_shiftadd.custom_ops import _library
from keras_shiftadd.custom_ops._int8_conv import OPERATORS, Int8Conv
from keras_shiftadd.custom_ops._interface import Requantization
from keras_shiftadd.testing import integer_reference

INSTRUCTION_SETS = ("avx512", "avx2", "neon", "scalar")


def _kernels():
    try:
        return _library.kernels()
    except _library.CompiledOpsUnavailable as error:
        pytest.skip(f"no compiled kernels ({error}); build them with: keras-shiftadd build")


@pytest.fixture(autouse=True)
def library():
    kernels = _kernels()
    yield kernels
    kernels.shiftadd_use_instruction_set(None)
    kernels.shiftadd_set_threads(0)


def available(kernels):
    names = [
        name
        for name in INSTRUCTION_SETS
        if kernels.shiftadd_use_instruction_set(name.encode()) == 0
    ]
    kernels.shiftadd_use_instruction_set(None)
    return names


def draw_kernel(rng, operator, shape, exponents=7):
    if operator == "adder":
        return rng.integers(-128, 128, shape).astype("int8")
    signs = rng.choice([-1, 0, 1], shape)
    return (signs * 2 ** rng.integers(0, exponents, shape)).astype("int8")


def draw_requantization(rng, filters):
    """Ranges that use up most of the output's range."""
    return {
        "multiplier": rng.integers(2**30, 2**31, filters) * rng.choice([-1, 1], filters),
        "shift": rng.integers(36, 42, filters),
        "bias": rng.integers(-3000, 3000, filters),
        "output_zero": int(rng.integers(-128, 128)),
    }


def assert_exact(kernels, operator, x, kernel, groups=1, threads=(1,), **arguments):
    """Every instruction set gives what the reference gives."""
    function = getattr(integer_reference, f"{operator}_conv_int8")
    expected = function(x, kernel, **arguments)
    for name in available(kernels):
        assert kernels.shiftadd_use_instruction_set(name.encode()) == 0
        conv = Int8Conv(operator, kernel, groups=groups, **arguments)
        for count in threads:
            kernels.shiftadd_set_threads(count)
            np.testing.assert_array_equal(conv(x), expected, err_msg=f"{name}, {count} threads")


# Sizes, kernel, groups, channels a group, filters, window.
GRID = {
    "1x1": ((5, 6), (1, 1), 1, 8, 16, {}),
    "1x1, odd channels": ((5, 6), (1, 1), 1, 7, 19, {}),
    "1x1, strides": ((5, 6), (1, 1), 1, 5, 4, {"strides": (2, 3)}),
    "same": ((8, 7), (3, 3), 1, 16, 16, {"padding": "same"}),
    "same, strides": ((8, 7), (3, 2), 1, 4, 9, {"padding": "same", "strides": 2}),
    "first layer": ((9, 9), (3, 3), 1, 3, 8, {"padding": "same"}),
    "valid": ((8, 9), (3, 4), 1, 8, 33, {}),
    "causal": ((8, 9), (3, 2), 1, 6, 5, {"padding": "causal", "dilation_rate": (1, 2)}),
    "dilation": ((11, 12), (3, 3), 1, 5, 17, {"dilation_rate": (2, 3), "padding": "same"}),
    "kernel beyond the input": ((2, 2), (5, 5), 1, 3, 4, {"padding": "same"}),
    "groups": ((6, 6), (3, 3), 3, 5, 12, {"padding": "same"}),
    "depthwise": ((8, 8), (3, 3), 37, 1, 37, {"padding": "same"}),
    "depthwise, multiplier": ((8, 8), (3, 3), 7, 1, 21, {"strides": 2}),
    "depthwise, dilation": ((9, 8), (2, 3), 16, 1, 16, {"dilation_rate": 2}),
    "1-D": ((20,), (3,), 1, 4, 8, {"padding": "same"}),
    "1-D, causal": ((20,), (3,), 1, 3, 8, {"padding": "causal", "dilation_rate": 4}),
    "1-D, depthwise": ((20,), (5,), 9, 1, 9, {"padding": "causal"}),
    "wide": ((7, 6), (3, 3), 1, 64, 72, {"padding": "same"}),
    "wide, dilation": ((9, 8), (3, 3), 1, 56, 90, {"dilation_rate": 2, "strides": 2}),
    "wide, groups": ((5, 5), (2, 3), 2, 96, 130, {"padding": "causal"}),
    "one pixel": ((1, 1), (1, 1), 1, 64, 10, {}),
    "large kernel": ((40, 4), (33, 3), 1, 2, 3, {}),
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("case", GRID.values(), ids=GRID)
def test_grid(library, operator, case):
    sizes, size, groups, channels, filters, window = case
    rng = np.random.default_rng(len(sizes) + filters)
    x = rng.integers(-128, 128, (2, *sizes, groups * channels)).astype("int8")
    kernel = draw_kernel(rng, operator, (*size, channels, filters))
    requantization = draw_requantization(rng, filters)
    assert_exact(library, operator, x, kernel, groups, input_zero=-5, **requantization, **window)


@pytest.mark.parametrize("operator", OPERATORS)
def test_empty_batch(library, operator):
    kernel = np.ones((3, 3, 4, 6), "int8")
    conv = Int8Conv(operator, kernel, input_zero=0, multiplier=1, shift=1, padding="same")
    assert conv(np.zeros((0, 5, 5, 4), "int8")).shape == (0, 5, 5, 6)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("batch", [1, 5])
def test_number_of_threads_changes_nothing(library, operator, batch):
    rng = np.random.default_rng(batch)
    x = rng.integers(-128, 128, (batch, 11, 9, 64)).astype("int8")
    kernel = draw_kernel(rng, operator, (3, 3, 64, 72))
    requantization = draw_requantization(rng, 72)
    assert_exact(
        library,
        operator,
        x,
        kernel,
        threads=(1, 2, 3),
        input_zero=7,
        padding="same",
        **requantization,
    )


@pytest.mark.parametrize("operator", OPERATORS)
def test_filters_are_shared_among_threads_where_there_is_one_pixel(library, operator):
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (1, 1, 1, 2048)).astype("int8")
    kernel = draw_kernel(rng, operator, (1, 1, 2048, 1000))
    requantization = draw_requantization(rng, 1000)
    assert_exact(library, operator, x, kernel, threads=(1, 2), input_zero=7, **requantization)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("value", [-128, 127])
@pytest.mark.parametrize("weight", [-128, 127])
@pytest.mark.parametrize("input_zero", [-128, 127])
def test_extreme_values(library, operator, value, weight, input_zero):
    if operator == "shift":
        weight = 64 if weight > 0 else -64
    x = np.full((1, 6, 6, 32), value, "int8")
    kernel = np.full((3, 3, 32, 8), weight, "int8")
    assert_exact(
        library,
        operator,
        x,
        kernel,
        input_zero=input_zero,
        padding="same",
        multiplier=2**30,
        shift=44 if operator == "shift" else 40,
    )


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("shift", [1, 31, 32, 33, 53, 54, 55, 62])
@pytest.mark.parametrize("multiplier", [-(2**31), -1, 0, 1, 2**30 - 1, 2**31 - 1])
def test_every_multiplier_and_shift(library, operator, shift, multiplier):
    rng = np.random.default_rng(shift)
    x = rng.integers(-128, 128, (1, 4, 4, 8)).astype("int8")
    kernel = draw_kernel(rng, operator, (1, 1, 8, 20))
    bias = rng.integers(-(2**30) + 1, 2**30, 20)
    bias[:10] = rng.integers(-900, 900, 10)
    assert_exact(
        library,
        operator,
        x,
        kernel,
        input_zero=3,
        multiplier=multiplier,
        shift=shift,
        bias=bias,
        output_zero=-100,
    )


def test_halves_are_rounded_up(library):
    kernel = np.zeros((1, 1, 1, 1), "int8")
    x = np.arange(-4, 5, dtype="int8").reshape(1, 3, 3, 1)
    conv = Int8Conv("shift", kernel + 1, input_zero=0, multiplier=1, shift=1)
    assert conv(x).ravel().tolist() == [-2, -1, -1, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("operator", OPERATORS)
def test_outputs_are_clamped(library, operator):
    rng = np.random.default_rng(0)
    x = rng.integers(-128, 128, (2, 8, 8, 16)).astype("int8")
    kernel = draw_kernel(rng, operator, (3, 3, 16, 12))
    requantization = draw_requantization(rng, 12) | {"low": -7, "high": 20}
    assert_exact(library, operator, x, kernel, input_zero=0, **requantization)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_shapes(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    rank = data.draw(st.integers(1, 2))
    operator = data.draw(st.sampled_from(list(OPERATORS)))
    axes = st.lists(st.integers(1, 4), min_size=rank, max_size=rank).map(tuple)
    size, strides, dilation = data.draw(axes), data.draw(axes), data.draw(axes)
    padding = data.draw(st.sampled_from(["valid", "same", "causal"]))
    groups, channels = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 9))
    filters = groups * data.draw(st.integers(1, 20))
    extents = [
        (k - 1) * d + 1 if padding == "valid" else 1 for k, d in zip(size, dilation, strict=True)
    ]
    sizes = tuple(e + data.draw(st.integers(0, 9)) for e in extents)
    x = rng.integers(-128, 128, (2, *sizes, groups * channels)).astype("int8")
    kernel = draw_kernel(rng, operator, (*size, channels, filters))
    assert_exact(
        _kernels(),
        operator,
        x,
        kernel,
        groups,
        input_zero=int(rng.integers(-128, 128)),
        strides=strides,
        padding=padding,
        dilation_rate=dilation,
        **draw_requantization(rng, filters),
    )


GOOD = {
    "operator": "shift",
    "kernel": np.ones((3, 3, 2, 4), "int8"),
    "input_zero": 0,
    "multiplier": 1,
    "shift": 1,
}


@pytest.mark.parametrize(
    "bad",
    [
        {"operator": "conv"},
        {"kernel": np.ones((3, 3, 2, 4))},
        {"kernel": np.ones((3, 2), "int8")},
        {"kernel": np.full((3, 3, 2, 4), 3, "int8")},
        {"kernel": np.full((3, 3, 2, 4), -128, "int8")},
        {"kernel": np.full((65, 64, 32, 1), 64, "int8")},
        {"input_zero": 128},
        {"output_zero": -129},
        {"low": 5, "high": 4},
        {"high": 128},
        {"shift": 0},
        {"shift": 63},
        {"shift": [1, 1, 1]},
        {"multiplier": 2**31},
        {"bias": 2**30},
        {"padding": "full"},
        {"strides": 0},
        {"strides": (1, 1, 1)},
        {"dilation_rate": 0},
        {"groups": 3},
        {"groups": 0},
    ],
    ids=lambda bad: "-".join(bad),
)
def test_bad_arguments_are_refused(bad):
    with pytest.raises(ValueError, match="Received"):
        Int8Conv(**(GOOD | bad))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((1, 5, 5, 2)),
        np.zeros((1, 5, 5, 3), "int8"),
        np.zeros((5, 5, 2), "int8"),
        np.zeros((1, 2, 5, 2), "int8"),
    ],
    ids=["float", "channels", "axes", "smaller than the kernel"],
)
def test_bad_inputs_are_refused(x):
    with pytest.raises(ValueError, match="Received"):
        Int8Conv(**GOOD)(x)


def test_weights_packed_for_another_instruction_set_are_refused(library):
    names = available(library)
    if len(names) < 2:
        pytest.skip("this processor has one instruction set only")
    library.shiftadd_use_instruction_set(names[0].encode())
    conv = Int8Conv(**GOOD)
    library.shiftadd_use_instruction_set(names[1].encode())
    with pytest.raises(RuntimeError, match="instruction set"):
        conv(np.zeros((1, 5, 5, 2), "int8"))


def test_weights_packed_for_another_convolution_are_refused(library):
    conv = Int8Conv(**GOOD)
    x, y = np.zeros((1, 5, 5, 2), "int8"), np.zeros((1, 3, 3, 4), "int8")
    scratch = np.empty(1 << 16, "uint8")

    def run(operator, packed):
        return library.shiftadd_conv_int8(
            conv._sized(1, (5, 5)),
            operator,
            x.ctypes.data,
            packed.ctypes.data,
            y.ctypes.data,
            scratch.ctypes.data,
            None,
        )

    wide = Int8Conv(**(GOOD | {"kernel": np.ones((3, 3, 2, 5), "int8")}))
    assert run(OPERATORS["shift"], conv._packed) == 0
    assert run(OPERATORS["adder"], conv._packed) == 3
    assert run(OPERATORS["shift"], wide._packed) == 3
    assert run(OPERATORS["shift"], np.zeros_like(conv._packed)) == 3


def test_null_pointers_are_refused(library):
    conv = Int8Conv(**GOOD)
    params, packed = conv._sized(1, (5, 5)), conv._packed.ctypes.data
    requantization = ctypes.byref(Requantization(None, None, None, 0, -128, 127))
    assert library.shiftadd_conv_int8_pack(params, 1, None, 0, requantization, packed) == 3
    assert library.shiftadd_conv_int8_pack(params, 1, packed, 0, requantization, packed) == 3
    assert library.shiftadd_conv_int8_pack(params, 2, packed, 0, requantization, packed) == 3
    assert library.shiftadd_conv_int8(params, 1, None, packed, None, None, None) == 3
    assert library.shiftadd_conv_int8_packed_size(params, 2) == 0
    assert library.shiftadd_conv_int8_scratch(params, 2, 1) == 0


def test_packed_bytes_may_move(library):
    rng = np.random.default_rng(0)
    conv = Int8Conv(**(GOOD | {"kernel": draw_kernel(rng, "shift", (3, 3, 2, 4))}))
    x = rng.integers(-128, 128, (1, 5, 5, 2)).astype("int8")
    expected = conv(x)
    room = np.empty(conv._packed.size + 64, "uint8")
    moved = room[16 : 16 + conv._packed.size]
    moved[:] = conv._packed
    conv._packed = moved
    np.testing.assert_array_equal(conv(x), expected)


def test_is_public():
    assert ksa.custom_ops.Int8Conv is Int8Conv
