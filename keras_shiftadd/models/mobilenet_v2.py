"""MobileNetV2."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._mobile import divisible
from keras_shiftadd.models._mobilenet_v2 import STEM, mobile_network, mobilenet_v2_blocks
from keras_shiftadd.models._public import ready_network

_BLOCKS = 18
_HEAD = 1280


@ready_network(blocks=_BLOCKS, last="the last is the pointwise convolution behind them")
def MobileNetV2(
    input_shape: tuple[int, ...] = (224, 224, 3),
    num_classes: int = 1000,
    operators: str | Sequence[str] = "conv",
    *,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    pooling: str | None = None,
    classifier_activation: Any = "softmax",
    stem_operator: str = "conv",
    classifier_operator: str = "conv",
    weight_bits: int = 5,
    gradient_scale: float | None = 0.2,
    name: str = "mobilenet_v2",
) -> keras.Model:
    """MobileNetV2, inverted residuals with linear bottlenecks.

    Channels are those of `keras.applications.MobileNetV2`. Inputs are expected to be within about
    ±1. It strides by 32 in all: small images leave it one place.

    Args:
        {shared}
        alpha: Number above 0, factor of the numbers of channels.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.MobileNetV2(operators="shift").output_shape
    (None, 1000)

    Reference:
        - [Sandler et al., 2018, MobileNetV2: Inverted Residuals and Linear Bottlenecks](
        https://arxiv.org/abs/1801.04381), table 2
    """
    arguments = check_arguments("MobileNetV2", locals(), _BLOCKS)
    return mobile_network(
        arguments,
        divisible(STEM * alpha),
        mobilenet_v2_blocks(alpha),
        head=divisible(_HEAD * max(1.0, alpha)),
    )
