"""The custom operators: their names, the options that they carry, and packed kernels.

docs/tflite_custom_ops.md describes the format. The bytes have a fixed layout, little-endian, so
that C code without a heap reads them where they lie.
"""

import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_shiftadd.export._integer.operators import Pair

PREFIX = "SHIFTADD_"
LOOKUP = f"{PREFIX}LOOKUP"

OPERATORS: tuple[Literal["conv", "adder", "shift"], ...] = ("conv", "adder", "shift")
ROUNDINGS: tuple[Literal["single", "double"], ...] = ("single", "double")
_FORMS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_OPERATOR_WORDS = {"conv": "", "adder": "ADDER_", "shift": "SHIFT_"}

# Name of a convolution in a file: its operator and its form.
CONVOLUTIONS = {
    f"{PREFIX}{_OPERATOR_WORDS[operator]}{form}": (operator, form)
    for operator in OPERATORS
    for form in _FORMS
}

_MAGIC = b"KSAC"
_VERSION = 1
_LAYOUT = struct.Struct("<4s4B4b18H")
_LARGEST_SIZE = 0xFFFF


def convolution_name(operator: str, form: str) -> str:
    """The name of a convolution, such as `"SHIFTADD_ADDER_CONV_2D"`."""
    return f"{PREFIX}{_OPERATOR_WORDS[operator]}{form}"


@dataclass(frozen=True)
class ConvolutionOptions:
    """The options of a convolution: everything but its arrays.

    Args:
        operator: `"conv"`, `"adder"` or `"shift"`.
        rounding: Of the requantisation.
        numbers: Zero points of input and output, the least and the largest output.
        input_size: Rows, columns and channels of the input; a vector is an image of one pixel.
        output_size: Rows, columns and channels of the output.
        kernel_size: Rows and columns of the kernel.
        strides: Rows and columns.
        dilation: Rows and columns.
        pads: Before and after the rows, before and after the columns.
        groups: Into how many parts channels and filters are divided.
    """

    operator: Literal["conv", "adder", "shift"]
    rounding: Literal["single", "double"]
    numbers: tuple[int, int, int, int]
    input_size: tuple[int, int, int]
    output_size: tuple[int, int, int]
    kernel_size: Pair
    strides: Pair
    dilation: Pair
    pads: tuple[Pair, Pair]
    groups: int

    def pack(self) -> bytes:
        """The bytes of these options.

        Raises:
            ValueError: If a size is beyond 16 bits.
        """
        sizes = (
            *self.input_size,
            *self.output_size,
            *self.kernel_size,
            *self.strides,
            *self.dilation,
            *self.pads[0],
            *self.pads[1],
            self.groups,
        )
        if max(sizes) > _LARGEST_SIZE:
            raise ValueError(
                f"The sizes of a custom operator must not be beyond {_LARGEST_SIZE}. "
                f"Received: {self}."
            )
        return _LAYOUT.pack(
            _MAGIC,
            _VERSION,
            OPERATORS.index(self.operator),
            int(self.operator == "shift"),
            ROUNDINGS.index(self.rounding),
            *self.numbers,
            *sizes,
            0,
        )

    @classmethod
    def unpack(cls, content: bytes) -> "ConvolutionOptions":
        """The options in these bytes.

        Raises:
            ValueError: If they are not options of this version.
        """
        if len(content) != _LAYOUT.size or not content.startswith(_MAGIC):
            raise ValueError(
                f"The options of a custom convolution must be {_LAYOUT.size} bytes that begin with "
                f"{_MAGIC.decode()}. Received: {len(content)} bytes, {content[:8]!r}."
            )
        _, version, operator, codes, rounding, *numbers, reserved = _LAYOUT.unpack(content)
        known = operator < len(OPERATORS) and rounding < len(ROUNDINGS)
        known = known and codes == (OPERATORS[operator] == "shift") and not reserved
        if version != _VERSION or not known:
            raise ValueError(
                "The options of a custom convolution must be of version "
                f"{_VERSION}. Received: version={version}, operator={operator}, codes={codes}, "
                f"rounding={rounding}, reserved={reserved}."
            )
        n = numbers
        return cls(
            OPERATORS[operator],
            ROUNDINGS[rounding],
            (n[0], n[1], n[2], n[3]),
            (n[4], n[5], n[6]),
            (n[7], n[8], n[9]),
            (n[10], n[11]),
            (n[12], n[13]),
            (n[14], n[15]),
            ((n[16], n[17]), (n[18], n[19])),
            n[20],
        )


def check_codes(codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The codes of a shift kernel, all of which have a meaning.

    Args:
        codes: uint8 array `(filters, bytes)`.
        shape: Filters, rows, columns, channels.

    Raises:
        ValueError: If there is a code without a meaning, or one where none belongs.
    """
    halves = np.stack([codes & 15, codes >> 4], axis=-1).reshape(len(codes), -1)
    size = int(np.prod(shape[1:], dtype=np.int64))
    if np.any(halves[:, :size] == 8) or np.any(halves[:, size:]):
        raise ValueError(
            "the codes of a shift kernel, which must be 0 to 7 and 9 to 15, and 0 behind the last "
            "one of a filter."
        )
    return codes
