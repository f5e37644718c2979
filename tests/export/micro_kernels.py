"""Runs the kernels of custom_ops/micro on this machine, and makes convolutions for them."""

import ctypes
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._c.parameters import convolution_bytes, convolution_fields
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import Convolution, Requantization
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._quantization import Quantization

SOURCES = pathlib.Path(ksa.custom_ops.__file__).resolve().parent / "micro"
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
GUARD = 64


def c_compiler():
    """A C compiler of this machine; skips the test where there is none."""
    name = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if name is None:
        pytest.skip("a C compiler is missing: apt install gcc")
    return name


def compile_library(target, flags=("-O2",), load=True):
    """All kernels as a shared library, loaded into this process if wanted."""
    sources = map(str, sorted(SOURCES.glob("*.c")))
    command = [c_compiler(), *WARNINGS, *flags, "-shared", "-fPIC", *sources, "-o", str(target)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return ctypes.CDLL(str(target)) if load else None


def draw_requantization(
    rng, filters, spread, rounding="single", fast=None, power_of_two=False, **limits
):
    """Factors that use up the range of a byte for sums up to `spread`.

    Multipliers are negative too where the rounding is single; `fast` ones have that shift,
    those of a power of two are 1, 2**7 or 2**30.
    """
    factors = rng.uniform(0.3, 1.5, filters) * 128 / spread
    if fast:
        multiplier, shift = np.round(factors * 2.0**fast), np.full(filters, fast)
        multiplier = np.minimum(multiplier, 2.0**31 - 1)
    else:
        shift = 31 - np.frexp(factors)[1]
        multiplier = np.minimum(np.round(factors * 2.0**shift), 2.0**31 - 1)
    if power_of_two:
        exponent = rng.choice([0, 7, 30], filters)
        multiplier, shift = 2.0**exponent, np.maximum(shift - 30, 1) + exponent
    if rounding == "single":
        multiplier = multiplier * rng.choice([-1, 1], filters)
    return Requantization(
        multiplier.astype(np.int32),
        shift.astype(np.int32),
        int(rng.integers(-128, 128)),
        rounding,
        **limits,
    )


def draw_convolution(
    rng,
    operator,
    size,
    kernel_size,
    channels,
    filters,
    groups=1,
    strides=(1, 1),
    dilation=(1, 1),
    pads=((0, 0), (0, 0)),
    **requantization,
):
    """A network of one convolution, with random numbers.

    Args:
        rng: NumPy generator.
        operator: "conv", "shift" or "adder".
        size: Rows and columns of the image.
        kernel_size: Rows and columns of the window.
        channels: Of the image.
        filters: Output channels.
        groups: Groups of both.
        strides: Rows and columns.
        dilation: Rows and columns.
        pads: As in `Convolution`.
        **requantization: Arguments of `draw_requantization`.
    """
    shape = (*kernel_size, channels // groups, filters)
    kernel = rng.integers(-128, 128, shape)
    if operator == "shift":
        kernel = rng.choice([-1, 0, 1, 1], shape) * 2 ** rng.integers(0, 7, shape)
    kernel = kernel.astype(np.int8)
    window = np.prod(shape[:-1])
    spread = 74 * window if operator == "adder" else 74 * 74 * np.sqrt(window)
    bias = rng.integers(-50, 50, filters) * int(max(spread // 100, 1))
    if operator == "adder":
        bias += int(85 * window)  # the mean of |x - w|
    convolution = Convolution(
        name="layer",
        operator=operator,
        inputs=(0,),
        output=1,
        kernel=kernel,
        bias=bias.astype(np.int32),
        requantization=draw_requantization(rng, filters, spread, **requantization),
        kernel_scale=np.ones(filters),
        groups=groups,
        strides=strides,
        dilation=dilation,
        pads=pads,
    )
    out = output_size(size, kernel_size, strides, dilation, pads)
    zero = int(rng.integers(-128, 128))
    tensors = (
        Tensor("x", (*size, channels), Quantization(1.0, zero)),
        Tensor("y", (*out, filters), Quantization(1.0, convolution.requantization.zero_point)),
    )
    return IntegerModel("network", tensors, (convolution,), 0, 1)


def run_convolution(library, kernel, model, x, guard=GUARD):
    """The outputs of one kernel of the library, checked not to write beside them."""
    (convolution,) = model.operators
    source, output = model.tensors
    constants = KERNELS[kernel].pack(convolution, source)
    arrays = {name: np.ascontiguousarray(array) for name, array in constants.items()}
    params = convolution_bytes(
        convolution_fields(convolution, source, output),
        {name: array.ctypes.data for name, array in arrays.items()},
        pointer_bytes=ctypes.sizeof(ctypes.c_void_p),
    )
    scratch_bytes = KERNELS[kernel].scratch_bytes(convolution)
    if scratch_bytes:
        function = library[f"{KERNELS[kernel].function}_scratch_bytes"]
        function.restype = ctypes.c_size_t
        assert function(params) == scratch_bytes
    results = []
    for sample in x:
        sample = np.ascontiguousarray(sample)
        y = np.full(output.size + 2 * guard, 85, np.int8)
        scratch = np.full(scratch_bytes + 2 * guard, 85, np.int8)
        library[KERNELS[kernel].function](
            params,
            ctypes.c_void_p(sample.ctypes.data),
            ctypes.c_void_p(y.ctypes.data + guard),
            ctypes.c_void_p(scratch.ctypes.data + guard),
        )
        for guarded in (y, scratch):
            assert (guarded[:guard] == 85).all()
            assert (guarded[len(guarded) - guard :] == 85).all()
        results.append(y[guard : guard + output.size].reshape(output.shape))
    return np.stack(results)
