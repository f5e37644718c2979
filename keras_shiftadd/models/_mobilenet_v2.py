"""MobileNetV2, and networks that begin as it does."""

from typing import Any

import keras

from keras_shiftadd.models._arguments import Arguments
from keras_shiftadd.models._layers import NetworkLayers
from keras_shiftadd.models._mobile import InvertedResidual, divisible, inverted_residual
from keras_shiftadd.models._top import finish

# Expansion, width, number of blocks, stride of the first one.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM = 32


def mobilenet_v2_blocks(alpha: float, stages: Any = STAGES) -> list[InvertedResidual]:
    """The blocks of MobileNetV2 with `alpha` times the channels."""
    blocks = []
    channels = divisible(STEM * alpha)
    for expansion, width, count, stride in stages:
        width = divisible(width * alpha)
        for i in range(count):
            blocks.append(
                InvertedResidual(expansion * channels, width, stride=stride if i == 0 else 1)
            )
            channels = width
    return blocks


def mobile_network(
    arguments: Arguments, stem: int, blocks: list[InvertedResidual], head: int | None
) -> keras.Model:
    """A first convolution that strides, inverted residuals, perhaps a pointwise layer.

    Args:
        arguments: Those of the network.
        stem: Channels of the first convolution.
        blocks: The blocks.
        head: Channels of the pointwise layer behind them, or None.
    """
    layers = NetworkLayers(arguments)
    inputs, x = layers.input(arguments)
    x = layers.convolution(x, arguments.stem_operator, stem, 3, 2, name="stem", activation="relu6")
    operators = iter(arguments.operators)
    for i, block in enumerate(blocks):
        x = inverted_residual(x, block, next(operators), f"block{i}", layers)
    if head is not None:
        x = layers.convolution(x, next(operators), head, 1, name="head", activation="relu6")
    return finish(inputs, x, arguments, layers)
