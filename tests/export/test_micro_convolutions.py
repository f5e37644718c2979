"""The convolution kernels for microcontrollers have the bits of the NumPy reference."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from micro_kernels import c_compiler, compile_library, draw_convolution, run_convolution

from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._c.packing import multipliers
from keras_shiftadd.export._integer.reference import run

pytestmark = pytest.mark.once

SAME = ((1, 1), (1, 1))
# Image, window, channels, filters, and what else there is.
GRID = {
    "1x1": ((5, 4), (1, 1), 8, 8, {}),
    "1x1, odd": ((5, 5), (1, 1), 7, 9, {}),
    "1x1, strides": ((6, 5), (1, 1), 5, 4, {"strides": (2, 3)}),
    "3x3": ((6, 6), (3, 3), 8, 8, {"pads": SAME}),
    "3x3, odd": ((5, 7), (3, 3), 5, 6, {"pads": SAME}),
    "3x3, stride 2": ((8, 7), (3, 3), 4, 9, {"pads": ((0, 1), (0, 1)), "strides": (2, 2)}),
    "first layer": ((9, 9), (3, 3), 3, 8, {"pads": SAME}),
    "valid": ((8, 9), (3, 4), 8, 5, {}),
    "dilation": ((11, 12), (3, 3), 5, 7, {"dilation": (2, 3), "pads": ((2, 2), (3, 3))}),
    "window beyond the image": ((2, 2), (5, 5), 3, 4, {"pads": ((2, 2), (2, 2))}),
    "1-D, causal": ((1, 20), (1, 3), 3, 8, {"pads": ((0, 0), (4, 0)), "dilation": (1, 2)}),
    "dense": ((1, 1), (1, 1), 64, 10, {}),
    "dense, odd": ((1, 1), (1, 1), 33, 7, {}),
    "groups": ((6, 5), (3, 3), 10, 6, {"groups": 2, "pads": SAME}),
    "depthwise": ((6, 7), (3, 3), 9, 9, {"groups": 9, "pads": SAME}),
    "depthwise, stride 2": ((7, 7), (3, 3), 8, 8, {"groups": 8, "strides": (2, 2)}),
    "depthwise, multiplier": ((5, 5), (3, 2), 4, 12, {"groups": 4, "pads": SAME}),
    "depthwise, dilation": ((9, 8), (2, 3), 5, 5, {"groups": 5, "dilation": (2, 2)}),
    "large window": ((40, 4), (33, 3), 2, 3, {}),
    "larger window": ((3, 4), (3, 3), 100, 3, {}),
}
ROUNDINGS = {
    "single": {},
    "fast": {"fast": 32},
    "fast, clamped": {"fast": 32, "low": -20, "high": 90},
    "fast, shifted left": {"fast": 29},
    "power of two": {"power_of_two": True},
    "double": {"rounding": "double", "low": -100},
}
KERNELS_AND_OPERATORS = [
    (kernel.name, operator) for kernel in KERNELS.values() for operator in sorted(kernel.operators)
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_library(tmp_path_factory.mktemp("micro") / "kernels.so")


def assert_exact(library, kernel, model, rng):
    x = rng.integers(-128, 128, (2, *model.tensors[0].shape)).astype(np.int8)
    x[1, ..., ::2] = rng.choice([-128, 127])
    expected = run(model, x)
    np.testing.assert_array_equal(run_convolution(library, kernel, model, x), expected)


def assert_case(library, kernel, operator, case, rounding):
    *sizes, window = GRID[case]
    rng = np.random.default_rng(len(case))
    model = draw_convolution(rng, operator, *sizes, **window, **ROUNDINGS[rounding])
    if KERNELS[kernel].takes(model.operators[0]):
        assert_exact(library, kernel, model, rng)
    else:
        assert KERNELS[kernel].refuses(model.operators[0])


@pytest.mark.parametrize("case", GRID)
@pytest.mark.parametrize(("kernel", "operator"), KERNELS_AND_OPERATORS)
def test_grid(library, kernel, operator, case):
    rounding = list(ROUNDINGS)[list(GRID).index(case) % len(ROUNDINGS)]
    assert_case(library, kernel, operator, case, rounding)


@pytest.mark.parametrize("case", ["3x3, odd", "dense, odd"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("kernel", "operator"), KERNELS_AND_OPERATORS)
def test_roundings(library, kernel, operator, rounding, case):
    assert_case(library, kernel, operator, case, rounding)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_random_shapes(library, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    kernel, operator = data.draw(st.sampled_from(KERNELS_AND_OPERATORS))
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel_size, strides, dilation = data.draw(pair), data.draw(pair), data.draw(pair)
    pad = st.tuples(st.integers(0, 3), st.integers(0, 3))
    pads = (data.draw(pad), data.draw(pad))
    groups = data.draw(st.sampled_from([1, 1, 2, 5]))
    channels, filters = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    size = tuple(
        max(span - sum(pad), 1) + data.draw(st.integers(0, 5))
        for span, pad in zip(spans, pads, strict=True)
    )
    rounding = data.draw(st.sampled_from(list(ROUNDINGS)))
    model = draw_convolution(
        rng,
        operator,
        size,
        kernel_size,
        groups * channels,
        groups * filters,
        groups=groups,
        strides=strides,
        dilation=dilation,
        pads=pads,
        **ROUNDINGS[rounding],
    )
    if KERNELS[kernel].takes(model.operators[0]):
        assert_exact(library, kernel, model, rng)


def test_kernels_are_clean_under_sanitizers(tmp_path):
    compiler = c_compiler()
    # The runtime of C++, too: it is not there yet when the sanitizer looks for its functions.
    runtimes = [
        subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True)
        for name in ("libasan.so", "libstdc++.so.6")
    ]
    preload = [pathlib.Path(done.stdout.strip()) for done in runtimes]
    if not all(path.is_absolute() for path in preload):
        pytest.skip("the compiler's sanitizers are missing: apt install g++ libasan8 libubsan1")
    flags = ("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    compile_library(tmp_path / "kernels.so", flags, load=False)
    program = pathlib.Path(__file__).with_name("micro_sanitized.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path / "kernels.so"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "LD_PRELOAD": ":".join(map(str, preload)),
            "ASAN_OPTIONS": "detect_leaks=0",
            "KERAS_BACKEND": "jax",
        },
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "layers" in done.stdout


@pytest.mark.parametrize(("kernel", "operator"), KERNELS_AND_OPERATORS)
@pytest.mark.parametrize("groups", [1, 8])
def test_powers_of_two_among_fast_multipliers(library, kernel, operator, groups):
    rng = np.random.default_rng(0)
    model = draw_convolution(rng, operator, (5, 5), (3, 3), 8, 8, groups=groups, fast=32)
    [convolution] = model.operators
    multiplier = 2.0 ** np.round(np.log2(np.abs(convolution.requantization.multiplier)))
    requantization = dataclasses.replace(
        convolution.requantization, multiplier=multiplier.astype(np.int32)
    )
    changed = dataclasses.replace(convolution, requantization=requantization)
    model = dataclasses.replace(model, operators=(changed,))
    if KERNELS[kernel].takes(changed):
        assert_exact(library, kernel, model, rng)


@pytest.mark.parametrize("factor", [1, -1, 4, -(2**30)])
def test_shifts_of_sums_have_the_multiplier_that_kernels_shift_by(factor):
    model = draw_convolution(np.random.default_rng(0), "shift", (3, 3), (1, 1), 4, 5)
    [convolution] = model.operators
    requantization = dataclasses.replace(
        convolution.requantization,
        multiplier=np.full(5, factor, np.int32),
        shift=np.full(5, 31, np.int32),
    )
    convolution = dataclasses.replace(convolution, requantization=requantization)
    multiplier, shift = multipliers(convolution)
    assert set(np.abs(multiplier)) == {2**30}
    np.testing.assert_array_equal(multiplier / 2.0**shift, factor / 2.0**31)
