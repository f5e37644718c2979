"""Inverted residuals, the blocks of the MobileNets and their descendants."""

from dataclasses import dataclass
from typing import Any

import keras

from keras_shiftadd.models._layers import NetworkLayers


@dataclass(frozen=True)
class InvertedResidual:
    """A block: expand, depthwise convolution, squeeze-and-excite, project, add.

    Args:
        hidden: Channels inside; as many as the input has: nothing expands.
        width: Channels of the output.
        size: Window of the depthwise layer.
        stride: Its stride.
        activation: Activation inside.
        squeezed: Channels of the squeeze-and-excitation inside the block; 0 for none.
        shortcut: Whether the input is added, where shapes allow it.
    """

    hidden: int
    width: int
    size: int = 3
    stride: int = 1
    activation: str = "relu6"
    squeezed: int = 0
    shortcut: bool = True


def inverted_residual(
    x: Any, block: InvertedResidual, operator: str, name: str, layers: NetworkLayers
) -> Any:
    """Applies a block, all layers of it of one operator."""
    start = x
    if block.hidden != x.shape[-1]:
        x = layers.convolution(
            x, operator, block.hidden, 1, name=f"{name}_expand", activation=block.activation
        )
    x = layers.depthwise(
        x,
        operator,
        block.size,
        block.stride,
        name=f"{name}_depthwise",
        activation=block.activation,
    )
    if block.squeezed:
        x = layers.squeeze_and_excite(x, operator, block.squeezed, name=f"{name}_gated")
    x = layers.convolution(x, operator, block.width, 1, name=f"{name}_project")
    if block.shortcut and block.stride == 1 and start.shape[-1] == block.width:
        x = keras.layers.Add(name=f"{name}_add")([start, x])
    return x


def divisible(channels: float, divisor: int = 8) -> int:
    """The multiple of a divisor that is nearest, and not more than a tenth below."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
