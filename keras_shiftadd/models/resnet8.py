"""ResNet8."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._public import ready_network
from keras_shiftadd.models._resnet import resnet

_BLOCKS = 1  # a stage


@ready_network(blocks=3 * _BLOCKS)
def ResNet8(
    input_shape: tuple[int, ...] = (32, 32, 3),
    num_classes: int = 10,
    operators: str | Sequence[str] = "conv",
    *,
    alpha: float = 1.0,
    shortcuts: str = "block",
    activation: str = "relu",
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    pooling: str | None = None,
    classifier_activation: Any = "softmax",
    stem_operator: str = "conv",
    classifier_operator: str = "conv",
    weight_bits: int = 5,
    gradient_scale: float | None = 0.2,
    name: str = "resnet8",
) -> keras.Model:
    """ResNet-8, the image classifier of MLPerf Tiny.

    Three stages of 1 residual block, of 16, 32 and 64 channels.

    Args:
        {shared}
        alpha: Number above 0, factor of the numbers of channels.
        shortcuts: `"block"` (around the two layers of a block) or `"layer"` (around each of them
            as well, where its input and output have one shape).
        activation: `"relu"`, or `"power"` for a `PowerActivation` before each ReLU.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.ResNet8(operators="shift").output_shape
    (None, 10)

    Reference:
        - [Banbury et al., 2021, MLPerf Tiny Benchmark](https://arxiv.org/abs/2106.07597)
    """
    return resnet(check_arguments("ResNet8", locals(), 3 * _BLOCKS), _BLOCKS)
