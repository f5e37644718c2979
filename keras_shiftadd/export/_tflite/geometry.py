"""Shapes and padding, as the format has them."""

from keras_shiftadd.export._integer.operators import Pair

NO_PADS: tuple[Pair, Pair] = ((0, 0), (0, 0))


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A shape as rows, columns and channels; a vector is an image of one pixel."""
    rows, columns, channels = (1, 1, 1, *shape)[-3:]
    return rows, columns, channels


def same_pads(
    shape: tuple[int, ...], size: Pair, strides: Pair, dilation: Pair = (1, 1)
) -> tuple[Pair, Pair]:
    """The pads that the format's "same" stands for: the odd one behind."""
    pads = []
    for length, kernel, stride, step in zip(shape[:2], size, strides, dilation, strict=True):
        reach = (-(-length // stride) - 1) * stride + (kernel - 1) * step + 1
        total = max(reach - length, 0)
        pads.append((total // 2, total - total // 2))
    return pads[0], pads[1]


def padding_name(
    shape: tuple[int, ...],
    size: Pair,
    strides: Pair,
    dilation: Pair,
    pads: tuple[Pair, Pair],
) -> str | None:
    """`"valid"` or `"same"` where the format has these pads, else None."""
    if pads == NO_PADS:
        return "valid"
    return "same" if pads == same_pads(shape, size, strides, dilation) else None
