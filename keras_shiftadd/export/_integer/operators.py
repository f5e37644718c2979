"""The operators of an int8 network, with their integers.

An operator names the tensors that it reads and the one that it makes by their position in the
model. The equations are those of docs/integer_ops.md.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_shiftadd.export._quantization import Quantization

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Requantization:
    """From sums of 32 bits to int8: `clamp(round(sum * multiplier / 2 ** shift) + zero_point)`.

    Args:
        multiplier: int32 array, one number or one for each output channel. Negative ones are for
            `"single"` rounding only.
        shift: int32 array of the same shape, 1 to 62.
        zero_point: Of the output, -128 to 127.
        rounding: `"single"` rounds the exact product of 64 bits once, halves towards plus
            infinity. `"double"` is that of TFLite's builtin operators: first the high half of
            the doubled product (`>> 31`), halves towards plus infinity, then the other
            `shift - 31` bits, halves away from zero. Where the shift is below 31, the sum is
            shifted left by `31 - shift` before the product instead.
        low: The least output; at least -128.
        high: The largest output; at most 127.
    """

    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    rounding: Literal["single", "double"] = "single"
    low: int = -128
    high: int = 127


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of images, or a dense layer where the input is a vector.

    A depthwise convolution has a group for each channel of its input.

    Args:
        name: Of the layer that it comes from.
        operator: `"conv"` sums `(x - input zero) * w`, `"shift"` does so with a kernel of 0 and
            plus or minus powers of two from 1 to 64, `"adder"` sums `-|x - w|`.
        inputs: The tensor that it reads.
        output: The tensor that it makes.
        kernel: int8 array `(rows, columns, channels // groups, filters)`; `(1, 1, features,
            filters)` for a dense layer. The kernel of an adder is on the scale and the zero point
            of the input.
        bias: int32 array `(filters,)`, on the scale of the sums.
        requantization: One multiplier for each filter.
        kernel_scale: float64 array `(filters,)`, what a step of the kernel stands for, for
            reports and files. For an adder it is the scale of the input.
        groups: Into how many parts channels and filters are divided.
        strides: Rows and columns.
        dilation: Rows and columns.
        pads: Before and after the rows, before and after the columns. Padded positions hold the
            zero point of the input.
    """

    name: str
    operator: Literal["conv", "shift", "adder"]
    inputs: tuple[int]
    output: int
    kernel: np.ndarray
    bias: np.ndarray
    requantization: Requantization
    kernel_scale: np.ndarray
    groups: int = 1
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: tuple[Pair, Pair] = ((0, 0), (0, 0))


@dataclass(frozen=True, eq=False)
class Pooling:
    """The largest, or the rounded average, of the elements under a window; scales stay.

    Padded positions are not counted. An average is rounded to nearest, halves away from zero,
    from the sum of the integers themselves.
    """

    name: str
    kind: Literal["max", "average"]
    inputs: tuple[int]
    output: int
    size: Pair
    strides: Pair
    pads: tuple[Pair, Pair] = ((0, 0), (0, 0))
    low: int = -128
    high: int = 127


@dataclass(frozen=True, eq=False)
class Mean:
    """The average of each channel over all positions of an image, a vector.

    The sum of `x - input zero` over the positions is requantised; the multiplier holds the
    division by their number.
    """

    name: str
    inputs: tuple[int]
    output: int
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class Add:
    """The sum, or the difference, of two tensors of one shape.

    Each `x - zero` is shifted left by `left_shift` and requantised by its own factor to a common
    scale, without a zero point and in 32 bits; the sum of both is requantised to the output.

    Args:
        name: Of the layer that it comes from.
        inputs: The two tensors that it reads.
        output: The tensor that it makes.
        left_shift: Bits of precision that are kept, 20 in TFLite.
        input_multipliers: int32 array of two.
        input_shifts: int32 array of two.
        requantization: Of the sum; its rounding is also that of the inputs.
        subtract: Whether the second is subtracted.
    """

    name: str
    inputs: tuple[int, int]
    output: int
    left_shift: int
    input_multipliers: np.ndarray
    input_shifts: np.ndarray
    requantization: Requantization
    subtract: bool = False


@dataclass(frozen=True, eq=False)
class Multiply:
    """The product of two tensors, `(a - zero of a) * (b - zero of b)` requantised.

    The second may be a vector of the channels of the first, a gate for each channel.
    """

    name: str
    inputs: tuple[int, int]
    output: int
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class Lookup:
    """A function of one int8 number, element by element.

    Args:
        name: Of the layer that it comes from.
        function: `"requantize"`, `"relu"`, `"relu6"`, `"leaky_relu"`, `"hard_silu"`,
            `"sigmoid"`, `"tanh"`, `"elu"`, `"silu"`, `"power"`, `"gelu"`, `"rsqrt"`,
            `"fixed_point"`: what the table holds.
        inputs: The tensor that it reads.
        output: The tensor that it makes.
        table: int8 array of 256, the result of -128 first.
    """

    name: str
    function: str
    inputs: tuple[int]
    output: int
    table: np.ndarray


@dataclass(frozen=True, eq=False)
class Softmax:
    """Softmax over the last axis, in the fixed-point arithmetic of docs/integer_ops.md.

    The output has scale 1/256 and zero point -128.

    Args:
        name: Of the layer that it comes from.
        inputs: The tensor that it reads.
        output: The tensor that it makes.
        multiplier: Integer of 31 bits: with `left_shift`, the scale of the input times `beta`
            on the fixed-point grid of the exponential.
        left_shift: Integer.
        least_difference: Integer; elements that far below the largest count as zero.
        beta: Factor of the input that `multiplier` and `left_shift` hold, for reports and files.
    """

    name: str
    inputs: tuple[int]
    output: int
    multiplier: int
    left_shift: int
    least_difference: int
    beta: float = 1.0


@dataclass(frozen=True, eq=False)
class Reshape:
    """The same bytes in another shape."""

    name: str
    inputs: tuple[int]
    output: int


@dataclass(frozen=True, eq=False)
class Pad:
    """Rows and columns that hold the zero point of the input, around an image."""

    name: str
    inputs: tuple[int]
    output: int
    pads: tuple[Pair, Pair]


@dataclass(frozen=True, eq=False)
class Concatenate:
    """Images or vectors of one quantisation, joined along the last axis."""

    name: str
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True, eq=False)
class AddConstant:
    """The sum of a tensor and an array of its shape; otherwise like `Add`.

    Args:
        name: Of the layer that it comes from.
        inputs: The tensor that it reads.
        output: The tensor that it makes.
        constant: int8 array of the shape of the tensor.
        quantization: What the integers of the array stand for.
        left_shift: Bits of precision that are kept, 20 in TFLite.
        input_multipliers: int32 array of two, the second for the array.
        input_shifts: int32 array of two.
        requantization: Of the sum; its rounding is also that of the inputs.
    """

    name: str
    inputs: tuple[int]
    output: int
    constant: np.ndarray
    quantization: Quantization
    left_shift: int
    input_multipliers: np.ndarray
    input_shifts: np.ndarray
    requantization: Requantization


@dataclass(frozen=True, eq=False)
class MatMul:
    """Products of the matrices of two stacks, or the distances of their vectors.

    The tensors have the shapes `(matrices, rows, depth)` and `(matrices, depth, columns)`; where
    `transpose`, the second has `(matrices, columns, depth)`.

    Args:
        name: Of the layer that it comes from.
        operator: `"conv"` sums `(a - zero of a) * (b - zero of b)`, `"adder"` sums `-|a - b|` of
            two tensors of one scale and zero point.
        inputs: The two tensors that it reads.
        output: The tensor that it makes.
        requantization: Of the sums.
        transpose: Whether the matrices of the second are transposed.
    """

    name: str
    operator: Literal["conv", "adder"]
    inputs: tuple[int, int]
    output: int
    requantization: Requantization
    transpose: bool = False


@dataclass(frozen=True, eq=False)
class Transpose:
    """The same bytes with rows and columns of an image exchanged."""

    name: str
    inputs: tuple[int]
    output: int


@dataclass(frozen=True, eq=False)
class Repeat:
    """The one channel of an image, at each position as often as the output has channels."""

    name: str
    inputs: tuple[int]
    output: int


# Operators without weights that compute something.
Simple = (
    Pooling
    | Mean
    | Add
    | AddConstant
    | Multiply
    | MatMul
    | Lookup
    | Softmax
    | Transpose
    | Repeat
    | Pad
    | Concatenate
)
Operator = Convolution | Reshape | Simple
