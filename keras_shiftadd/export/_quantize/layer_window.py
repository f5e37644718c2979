"""Where layers read: windows with padding, of images; a sequence is an image of one row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_shiftadd.export._integer.operators import Pair
from keras_shiftadd.export._model.kernels import window_of
from keras_shiftadd.export._model.known_layers import DENSE, DEPTHWISE

NO_PADS = ((0, 0), (0, 0))


@dataclass(frozen=True)
class LayerWindow:
    """A window: its size, strides, dilation, padding, and the groups of channels."""

    size: Pair = (1, 1)
    strides: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pads: tuple[Pair, Pair] = NO_PADS
    groups: int = 1


def layer_window(
    layer: Any, shape: tuple[int, ...], around: tuple[Pair, Pair] = NO_PADS
) -> LayerWindow:
    """The window of a layer with a kernel.

    Args:
        layer: The layer.
        shape: Of the image that is read, `(rows, columns, channels)`.
        around: Padding that a layer before it adds to the image.
    """
    if isinstance(layer, DENSE):
        return LayerWindow()
    size, strides, dilation = window_of(layer)
    extent = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    padded = [n + before + after for n, (before, after) in zip(shape[:2], around, strict=True)]
    pads = padding(layer.padding, padded, (extent[0], extent[1]), strides)
    groups = shape[2] if isinstance(layer, DEPTHWISE) else layer.groups
    return LayerWindow(size, strides, dilation, _joined(pads, around), groups)


def padding(kind: str, shape: Sequence[int], extent: Pair, strides: Pair) -> tuple[Pair, Pair]:
    """Rows and columns added before and after an image.

    Args:
        kind: "valid", "same" or "causal".
        shape: Rows and columns of the image.
        extent: Rows and columns that a window reaches over.
        strides: Rows and columns.
    """
    if kind == "causal":
        return (0, 0), (extent[1] - 1, 0)
    pairs = []
    for size, reach, stride in zip(shape, extent, strides, strict=True):
        outputs = -(-size // stride)
        missing = max((outputs - 1) * stride + reach - size, 0) if kind == "same" else 0
        pairs.append((missing // 2, missing - missing // 2))
    return pairs[0], pairs[1]


def _joined(first: tuple[Pair, Pair], second: tuple[Pair, Pair]) -> tuple[Pair, Pair]:
    rows, columns = ((a[0] + b[0], a[1] + b[1]) for a, b in zip(first, second, strict=True))
    return rows, columns
