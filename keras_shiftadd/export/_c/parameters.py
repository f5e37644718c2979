"""The fields of `ksa_conv_params` in custom_ops/micro/shiftadd_micro.h."""

import struct
from collections.abc import Mapping

from keras_shiftadd.export._c.packing_dsp import fast_left_shift
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution

ROUNDINGS = {"single": 0, "double": 1}
# Constants that a struct of parameters points at, in its order.
POINTERS = ("weights", "bias", "multiplier", "shift")


def image_shape(tensor: Tensor) -> tuple[int, int, int]:
    """Rows, columns and channels; a vector is an image of one pixel."""
    if len(tensor.shape) == 1:
        return (1, 1, tensor.shape[0])
    rows, columns, channels = tensor.shape
    return (rows, columns, channels)


def convolution_fields(convolution: Convolution, source: Tensor, output: Tensor) -> dict[str, int]:
    """The integers of the struct, in its order.

    Args:
        convolution: The operator.
        source: The tensor that it reads.
        output: The tensor that it makes.

    Returns:
        A dict from the name of a field to its number.

    Raises:
        ValueError: A size is beyond 65535.
    """
    requantization = convolution.requantization
    sizes = (
        *image_shape(source),
        *image_shape(output),
        *convolution.kernel.shape[:2],
        *convolution.strides,
        *convolution.dilation,
        convolution.pads[0][0],
        convolution.pads[1][0],
        convolution.groups,
    )
    names = (
        *(f"{where}_{size}" for where in ("in", "out") for size in ("rows", "columns", "channels")),
        *(f"{of}_{size}" for of in ("kernel", "stride", "dilation", "pad") for size in _AXES),
        "groups",
    )
    fields = dict(zip(names, map(int, sizes), strict=True))
    for name, value in fields.items():
        if value > 0xFFFF:
            raise ValueError(
                f"Sizes of convolutions in C must be at most 65535. Received: {name}={value} in "
                f"layer {convolution.name!r}"
            )
    return fields | {
        "input_zero": source.quantization.zero_point,
        "output_zero": requantization.zero_point,
        "low": requantization.low,
        "high": requantization.high,
        "rounding": ROUNDINGS[requantization.rounding],
        "left_shift": fast_left_shift(convolution) or 0,
    }


_AXES = ("rows", "columns")


def convolution_bytes(
    fields: Mapping[str, int], pointers: Mapping[str, int], pointer_bytes: int = 4
) -> bytes:
    """The struct as it lies in the memory of a little-endian processor.

    Args:
        fields: What `convolution_fields` returned.
        pointers: The addresses of the constants named in `POINTERS`; those that are left out are
            null.
        pointer_bytes: 4, or 8 on a 64-bit host.
    """
    integers = struct.pack("<15H4b2B", *fields.values())
    padding = bytes(-len(integers) % pointer_bytes)
    code = {4: "I", 8: "Q"}[pointer_bytes]
    return integers + padding + struct.pack(f"<4{code}", *(pointers.get(p, 0) for p in POINTERS))
