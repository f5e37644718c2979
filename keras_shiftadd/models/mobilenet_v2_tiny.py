"""MobileNetV2Tiny."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._mobile import InvertedResidual, divisible
from keras_shiftadd.models._mobilenet_v2 import STEM, mobile_network, mobilenet_v2_blocks
from keras_shiftadd.models._public import ready_network

_BLOCKS = 18
_ALPHA = 0.35


@ready_network(blocks=_BLOCKS, last="the last is the pointwise convolution behind them")
def MobileNetV2Tiny(
    input_shape: tuple[int, ...] = (144, 144, 3),
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
    name: str = "mobilenet_v2_tiny",
) -> keras.Model:
    """MobileNetV2-Tiny, MobileNetV2 with 0.35 times the channels and a smaller end.

    The last block has 112 channels and the pointwise convolution behind it 448.

    Args:
        {shared}

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.MobileNetV2Tiny(operators="shift").output_shape
    (None, 1000)

    Reference:
        - [Cai et al., 2022, Network Augmentation for Tiny Deep Learning](
        https://arxiv.org/abs/2110.08890)
    """
    arguments = check_arguments("MobileNetV2Tiny", locals(), _BLOCKS)
    *blocks, last = mobilenet_v2_blocks(_ALPHA)
    blocks.append(InvertedResidual(last.hidden, 112))
    return mobile_network(arguments, divisible(STEM * _ALPHA), blocks, head=448)
