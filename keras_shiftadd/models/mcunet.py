"""MCUNet."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._mobile import InvertedResidual, divisible
from keras_shiftadd.models._mobilenet_v2 import mobile_network
from keras_shiftadd.models._public import ready_network

_BLOCKS = 18
# Expansion and window of each block, width and stride of the stage.
_STAGES = (
    ((3, 5, 5, 4), (7, 3, 7, 5), 16, 2),
    ((5, 5, 5), (5, 5, 5), 24, 2),
    ((5, 6, 4), (3, 7, 5), 40, 2),
    ((5, 5, 5), (5, 7, 3), 48, 1),
    ((6, 5, 4), (3, 7, 3), 96, 2),
)


@ready_network(blocks=_BLOCKS)
def MCUNet(
    input_shape: tuple[int, ...] = (176, 176, 3),
    num_classes: int = 1000,
    operators: str | Sequence[str] = "conv",
    *,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    pooling: str | None = None,
    classifier_activation: Any = "softmax",
    stem_operator: str = "conv",
    classifier_operator: str = "conv",
    weight_bits: int = 5,
    gradient_scale: float | None = 0.2,
    name: str = "mcunet",
) -> keras.Model:
    """MCUNet, found by a search for microcontrollers with 320 KB of RAM and 1 MB of flash.

    Inverted residuals with windows of 3, 5 and 7, the network that MCUNet's authors call
    `mcunet-in3`.

    Args:
        {shared}

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.MCUNet(operators="shift").output_shape
    (None, 1000)

    Reference:
        - [Lin et al., 2020, MCUNet: Tiny Deep Learning on IoT Devices](
        https://arxiv.org/abs/2007.10319)
    """
    arguments = check_arguments("MCUNet", locals(), _BLOCKS)
    blocks = [InvertedResidual(16, 8, shortcut=False)]
    for expansions, sizes, width, stride in _STAGES:
        for i, (expansion, size) in enumerate(zip(expansions, sizes, strict=True)):
            channels = blocks[-1].width
            blocks.append(
                InvertedResidual(
                    divisible(expansion * channels),
                    width,
                    size,
                    stride if i == 0 else 1,
                    shortcut=i > 0,
                )
            )
    blocks.append(InvertedResidual(480, 160, 7, shortcut=False))
    return mobile_network(arguments, 16, blocks, head=None)
