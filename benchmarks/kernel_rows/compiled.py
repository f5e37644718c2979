"""The compiled kernels through their C interface, without a framework."""

import ctypes
from collections.abc import Callable, Iterator

import numpy as np

from keras_shiftadd.custom_ops._interface import (
    PADDINGS,
    SLOPES,
    ConvParams,
    Requantization,
)
from keras_shiftadd.custom_ops._library import kernels
from kernel_rows.layer import Arrays, Layer, aligned, aligned_copy
from kernel_rows.timing import Row

OPERATORS = {"adder": 0, "shift": 1}


def params(layer: Layer, batch: int) -> ConvParams:
    """The layer as the kernels take it."""
    result = ConvParams(
        batch=batch,
        in_size=(layer.size,) * 2,
        kernel_size=(layer.kernel,) * 2,
        strides=(layer.stride,) * 2,
        dilation=(1, 1),
        groups=layer.groups,
        channels=layer.channels // layer.groups,
        filters=layer.filters // layer.groups,
        padding=PADDINGS["same"],
    )
    _check(kernels().shiftadd_conv_init(result))
    return result


class AdderCalls:
    """The three float32 kernels of a layer, with the slopes of AdderNet's gradients."""

    def __init__(self, layer: Layer, batch: int, arrays: Arrays, threads: int) -> None:
        self.library = kernels()
        self.params = params(layer, batch)
        self.parallel = _parallel(threads)
        self.x, self.g = arrays.x, arrays.g
        # (taps, groups, channels of a group, filters of a group): the same order of numbers
        # in a dense kernel and in a depthwise one.
        self.w = arrays.w
        self.y = aligned(layer.output_shape(batch), "float32")
        self.dx, self.dw = aligned(self.x.shape, "float32"), aligned(self.w.shape, "float32")
        self.forward = self._call("adder_conv_f32", (self.x, self.w, self.y), threads)
        self.input_gradient = self._call(
            "adder_conv_f32_input_gradient",
            (self.x, self.w, self.g, self.dx),
            threads,
            SLOPES["clip"],
        )
        self.kernel_gradient = self._call(
            "adder_conv_f32_kernel_gradient",
            (self.x, self.w, self.g, self.dw),
            threads,
            SLOPES["identity"],
        )

    def _call(
        self, name: str, tensors: tuple[np.ndarray, ...], threads: int, *slope: int
    ) -> Callable[[], None]:
        size = getattr(self.library, f"shiftadd_{name}_scratch")(self.params, threads)
        scratch = aligned(max(size, 1), "uint8")
        function = getattr(self.library, f"shiftadd_{name}")
        pointers = [_pointer(tensor) for tensor in (*tensors, scratch)]
        arguments = (ctypes.byref(self.params), *slope, *pointers, self.parallel)

        def run(keep: object = (scratch, tensors)) -> None:
            _check(function(*arguments))

        return run

    def step(self) -> None:
        """Forward and both gradients."""
        self.forward()
        self.input_gradient()
        self.kernel_gradient()


def int8_rows(layer: Layer, batch: int, threads: int) -> Iterator[Row]:
    """Adder and shift with requantisation; shift exponents to 5, and to 6."""
    rng = np.random.default_rng(0)
    x = aligned_copy(rng.integers(-128, 128, layer.input_shape(batch), "int8"))
    shape = layer.kernel_shape
    powers = rng.choice([-1, 1], shape) * 2 ** rng.integers(0, 6, shape)
    larger = rng.choice([-1, 1], shape) * 2 ** rng.integers(0, 7, shape)
    yield _int8_row("adder_kernel", "adder", layer, x, rng.integers(-128, 128, shape), threads)
    yield _int8_row("shift_kernel", "shift", layer, x, powers, threads)
    yield _int8_row("shift_kernel_to_64", "shift", layer, x, larger, threads)


def _int8_row(
    name: str, operator: str, layer: Layer, x: np.ndarray, w: np.ndarray, threads: int
) -> Row:
    library, code = kernels(), OPERATORS[operator]
    sizes = params(layer, len(x))
    w = aligned_copy(w.astype("int8"))
    # Sums of this many terms become bytes.
    spread = 64 * layer.taps * layer.channels // layer.groups
    channels = (
        np.zeros(layer.filters, "int32"),
        np.full(layer.filters, 2**30 // spread * 64, "int32"),
        np.full(layer.filters, 30, "int32"),
    )
    requantization = Requantization(
        *(array.ctypes.data for array in channels), output_zero=3, low=-128, high=127
    )
    packed = aligned(library.shiftadd_conv_int8_packed_size(sizes, code), "uint8")
    _check(
        library.shiftadd_conv_int8_pack(
            sizes, code, _pointer(w), -5, ctypes.byref(requantization), _pointer(packed)
        )
    )
    y = aligned(layer.output_shape(len(x)), "int8")
    scratch = aligned(max(library.shiftadd_conv_int8_scratch(sizes, code, threads), 1), "uint8")
    pointers = [_pointer(array) for array in (x, packed, y, scratch)]
    arguments = (ctypes.byref(sizes), code, *pointers, _parallel(threads))

    def run(keep: object = (x, packed, y, scratch)) -> None:
        _check(library.shiftadd_conv_int8(*arguments))

    return Row(name, run)


def _parallel(threads: int) -> object:
    library = kernels()
    if library.shiftadd_set_threads(threads) != threads:
        raise SystemExit(f"The kernels cannot use {threads} threads here.")
    return library.shiftadd_default_parallel() if threads > 1 else None


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _check(error: int) -> None:
    if error:
        raise SystemExit(kernels().shiftadd_error_message(error).decode())
