"""Int8 convolutions on NumPy arrays, through the kernels."""

import ctypes
from typing import Any, Literal

import numpy as np

from keras_shiftadd.custom_ops import _library
from keras_shiftadd.custom_ops._interface import PADDINGS, ConvParams, Requantization

OPERATORS = {"adder": 0, "shift": 1}
_BAD_WINDOW = 2

Array = Any


class Int8Conv:
    """An int8 adder or shift convolution whose weights are packed once.

    The integer arithmetic is that of docs/integer_ops.md, bit for bit. The kernels run on the
    processors that `set_threads` allows; calls from several threads at once are safe.

    Args:
        operator: `"adder"` (`-sum |x - w|`) or `"shift"` (`sum (x - input_zero) * w`).
        kernel: Array of int8 `(*kernel_size, channels // groups, filters)` with one or two
            spatial axes. Adder: on the scale and zero point of the input. Shift: 0, or plus or
            minus a power of two from 1 to 64.
        input_zero: Integer, the zero point of the input, which padding holds.
        multiplier: Integer, or array `(filters,)` of 32-bit integers; may be negative.
        shift: Integer, or array `(filters,)`, 1 to 62.
        output_zero: Integer, the zero point of the output.
        bias: Integer, or array `(filters,)`, below 2^30 in magnitude, on the scale of the sums.
        low: Integer, the least output.
        high: Integer, the largest output.
        strides: Integer or a tuple of one integer a spatial axis.
        padding: `"valid"`, `"same"` or `"causal"`.
        dilation_rate: Integer or a tuple of one integer a spatial axis.
        groups: Integer. A depthwise convolution has a group a channel, and a kernel
            `(*kernel_size, 1, channels * depth_multiplier)`.

    Raises:
        ValueError: an argument is out of its range.
        RuntimeError: the compiled kernels cannot be used.

    Example:

    >>> kernel = np.full((1, 1, 2, 1), 3, "int8")
    >>> conv = ksa.custom_ops.Int8Conv("adder", kernel, input_zero=0, multiplier=1, shift=1)
    >>> conv(np.array([[[[1, 7]]]], "int8"))
    array([[[[-3]]]], dtype=int8)
    """

    def __init__(
        self,
        operator: Literal["adder", "shift"],
        kernel: Array,
        input_zero: int,
        multiplier: Array,
        shift: Array,
        output_zero: int = 0,
        bias: Array = 0,
        low: int = -128,
        high: int = 127,
        strides: int | tuple[int, ...] = 1,
        padding: Literal["valid", "same", "causal"] = "valid",
        dilation_rate: int | tuple[int, ...] = 1,
        groups: int = 1,
    ) -> None:
        if operator not in OPERATORS:
            raise ValueError(
                f"operator must be 'adder' or 'shift'. Received: operator={operator!r}"
            )
        if padding not in PADDINGS:
            raise ValueError(
                f"padding must be one of {', '.join(map(repr, PADDINGS))}. "
                f"Received: padding={padding!r}"
            )
        kernel = np.asarray(kernel)
        if kernel.dtype != np.int8 or kernel.ndim not in (3, 4):
            raise ValueError(
                "kernel must be an array of int8 with one or two spatial axes, (*kernel_size, "
                "channels // groups, filters). "
                f"Received: dtype={kernel.dtype}, shape={kernel.shape}"
            )
        self.rank = kernel.ndim - 2
        *size, self.channels, self.filters = kernel.shape
        if groups < 1 or self.filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={self.filters}"
            )
        self.operator, self.groups = operator, groups
        self._operator = OPERATORS[operator]
        self._library = _library.kernels()
        self._params = ConvParams(
            batch=1,
            in_size=(1, 1),
            kernel_size=_pair(size, 1),
            strides=_pair(_tuple(strides, self.rank, "strides"), 1),
            dilation=_pair(_tuple(dilation_rate, self.rank, "dilation_rate"), 1),
            groups=groups,
            channels=self.channels,
            filters=self.filters // groups,
            padding=PADDINGS[padding],
        )
        kernel = kernel.reshape(-1, self.channels, groups, self.filters // groups)
        values = [
            _channel_values(v, self.filters, n)
            for n, v in (("bias", bias), ("multiplier", multiplier), ("shift", shift))
        ]
        requantization = Requantization(
            *(v.ctypes.data for v in values), output_zero=output_zero, low=low, high=high
        )
        self._packed = self._pack(kernel.transpose(0, 2, 1, 3), input_zero, requantization)

    def _pack(self, kernel: Array, input_zero: int, requantization: Requantization) -> Array:
        """Packs weights `(taps, groups, channels, filters)`, for inputs of any size."""
        params = self._sized(
            1,
            [
                (k - 1) * d + 1
                for k, d in zip(self._params.kernel_size, self._params.dilation, strict=True)
            ],
        )
        kernel = np.ascontiguousarray(kernel)
        size = self._library.shiftadd_conv_int8_packed_size(params, self._operator)
        packed = np.empty(size, "uint8")
        error = self._library.shiftadd_conv_int8_pack(
            params,
            self._operator,
            kernel.ctypes.data,
            input_zero,
            ctypes.byref(requantization),
            packed.ctypes.data,
        )
        if error:
            raise ValueError(
                f"The {self.operator} convolution cannot be packed: "
                f"{self._message(error)}; docs/integer_ops.md gives the ranges. Received: "
                f"kernel from {kernel.min()} to {kernel.max()}, input_zero={input_zero}, "
                f"output_zero={requantization.output_zero}, low={requantization.low}, "
                f"high={requantization.high}"
            )
        return packed

    def _sized(self, batch: int, sizes: Any) -> ConvParams:
        """The parameters for an input, checked."""
        params = ConvParams.from_buffer_copy(self._params)
        params.batch = batch
        params.in_size = _pair(sizes, 1)
        error = self._library.shiftadd_conv_init(params)
        if error:
            raise ValueError(
                f"The convolution does not take this input: {self._message(error)}. "
                f"Received: batch={batch}, sizes={tuple(sizes)}, "
                f"kernel_size={tuple(params.kernel_size)}, strides={tuple(params.strides)}, "
                f"dilation_rate={tuple(params.dilation)}"
            )
        return params

    def _message(self, error: int) -> str:
        return str(self._library.shiftadd_error_message(error).decode())

    def __call__(self, x: Array) -> Array:
        """Runs the convolution.

        Args:
            x: Array of int8 `(batch, *sizes, channels)`.

        Returns:
            Array of int8 `(batch, *output_sizes, filters)`.

        Raises:
            ValueError: `x` has another type or shape, or is smaller than the kernel.
            RuntimeError: the kernels' instruction set has changed since.
        """
        x = np.ascontiguousarray(x)
        channels = self.groups * self.channels
        if x.dtype != np.int8 or x.ndim != self.rank + 2 or x.shape[-1] != channels:
            raise ValueError(
                f"The input must be an array of int8 with {self.rank + 2} axes, the last one of "
                f"{channels} channels. Received: dtype={x.dtype}, shape={x.shape}"
            )
        params = self._sized(x.shape[0], x.shape[1:-1])
        y = np.empty((x.shape[0], *params.out_size[: self.rank], self.filters), "int8")
        parallel = self._library.shiftadd_default_parallel()
        scratch = np.empty(
            self._library.shiftadd_conv_int8_scratch(
                params, self._operator, parallel.contents.threads
            ),
            "uint8",
        )
        error = self._library.shiftadd_conv_int8(
            params,
            self._operator,
            x.ctypes.data,
            self._packed.ctypes.data,
            y.ctypes.data,
            scratch.ctypes.data,
            parallel,
        )
        if error:
            raise RuntimeError(
                "The weights were packed for another instruction set than the one in force, "
                f"{self._library.shiftadd_instruction_set().decode()}. Make the Int8Conv again."
            )
        return y


def _tuple(value: int | tuple[int, ...], rank: int, name: str) -> tuple[int, ...]:
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank:
        raise ValueError(f"{name} must have one integer a spatial axis. Received: {name}={value}")
    return values


def _pair(values: Any, missing: int) -> tuple[int, int]:
    """Two axes; a convolution of one has a second one of size 1."""
    first, second = (*values, missing)[:2]
    return int(first), int(second)


def _channel_values(value: Array, filters: int, name: str) -> Array:
    wide = np.asarray(value, "int64")
    if wide.shape not in ((), (filters,)) or np.any((wide < -(2**31)) | (wide >= 2**31)):
        raise ValueError(
            f"{name} must be a 32-bit integer, or one for each of the {filters} filters. "
            f"Received: {name}={value!r}"
        )
    return np.ascontiguousarray(np.broadcast_to(wide, (filters,)), "int32")
