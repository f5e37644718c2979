"""MobileNetV3Small."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._layers import NetworkLayers
from keras_shiftadd.models._mobile import InvertedResidual, divisible, inverted_residual
from keras_shiftadd.models._public import ready_network
from keras_shiftadd.models._top import finish

_BLOCKS = 12
# Window, expansion, width, gates, activation, stride.
_ROWS = (
    (3, 1, 16, True, "relu", 2),
    (3, 72 / 16, 24, False, "relu", 2),
    (3, 88 / 24, 24, False, "relu", 1),
    (5, 4, 40, True, "hard_silu", 2),
    (5, 6, 40, True, "hard_silu", 1),
    (5, 6, 40, True, "hard_silu", 1),
    (5, 3, 48, True, "hard_silu", 1),
    (5, 3, 48, True, "hard_silu", 1),
    (5, 6, 96, True, "hard_silu", 2),
    (5, 6, 96, True, "hard_silu", 1),
    (5, 6, 96, True, "hard_silu", 1),
)


@ready_network(
    blocks=_BLOCKS,
    last="the last is the head: the pointwise convolution and the layer before the classifier",
)
def MobileNetV3Small(
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
    name: str = "mobilenet_v3_small",
) -> keras.Model:
    """MobileNetV3-Small, inverted residuals with gates and hard swish.

    Channels are those of `keras.applications.MobileNetV3Small`. Inputs are expected to be within
    about ±1. Gates multiply and take a hard sigmoid whatever `operators` says.

    Args:
        {shared}
        alpha: Number above 0, factor of the numbers of channels.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.MobileNetV3Small(operators="shift").output_shape
    (None, 1000)

    Reference:
        - [Howard et al., 2019, Searching for MobileNetV3](
        https://arxiv.org/abs/1905.02244), table 2
    """
    arguments = check_arguments("MobileNetV3Small", locals(), _BLOCKS)
    layers = NetworkLayers(arguments)
    inputs, x = layers.input(arguments)
    x = layers.convolution(x, stem_operator, 16, 3, 2, name="stem", activation="hard_silu")
    for i, (row, operator) in enumerate(zip(_ROWS, arguments.operators, strict=False)):
        size, expansion, width, gated, activation, stride = row
        hidden = x.shape[-1]
        if expansion != 1:
            hidden = divisible(x.shape[-1] * expansion)
        block = InvertedResidual(
            hidden,
            divisible(width * alpha),
            size,
            stride,
            activation,
            divisible(hidden * 0.25) if gated else 0,
        )
        x = inverted_residual(x, block, operator, f"block{i}", layers)
    operator = arguments.operators[-1]
    x = layers.convolution(
        x, operator, divisible(x.shape[-1] * 6), 1, name="head", activation="hard_silu"
    )
    hidden = divisible(1024 * max(1.0, alpha))
    return finish(inputs, x, arguments, layers, dropout=0.2, hidden=(operator, hidden))
