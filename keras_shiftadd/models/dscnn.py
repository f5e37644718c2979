"""DSCNN."""

import os
from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.models._arguments import check_arguments
from keras_shiftadd.models._layers import NetworkLayers
from keras_shiftadd.models._public import ready_network
from keras_shiftadd.models._top import finish

_BLOCKS = 4
_WIDTH = 64


@ready_network(blocks=_BLOCKS)
def DSCNN(
    input_shape: tuple[int, ...] = (49, 10, 1),
    num_classes: int = 12,
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
    name: str = "dscnn",
) -> keras.Model:
    """DS-CNN, the keyword spotter of MLPerf Tiny.

    A convolution of 10 frames by 4 coefficients, then four depthwise and pointwise pairs of 64
    channels. The input is a spectrogram (49 frames of 10 MFCC in MLPerf Tiny).

    Args:
        {shared}
        alpha: Number above 0, factor of the numbers of channels.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: If an argument is out of its range, or the weights are of another network.

    Example:

    >>> keras_shiftadd.models.DSCNN(operators="shift").output_shape
    (None, 12)

    Reference:
        - [Zhang et al., 2017, Hello Edge: Keyword Spotting on Microcontrollers](
        https://arxiv.org/abs/1711.07128)
        - [Banbury et al., 2021, MLPerf Tiny Benchmark](https://arxiv.org/abs/2106.07597)
    """
    arguments = check_arguments("DSCNN", locals(), _BLOCKS)
    layers = NetworkLayers(arguments)
    width = max(1, round(_WIDTH * alpha))
    inputs, x = layers.input(arguments)
    x = layers.convolution(x, stem_operator, width, (10, 4), 2, name="stem", activation="relu")
    x = keras.layers.Dropout(0.2, name="stem_dropout")(x)
    for i, operator in enumerate(arguments.operators):
        x = layers.depthwise(x, operator, 3, name=f"block{i}_depthwise", activation="relu")
        x = layers.convolution(x, operator, width, 1, name=f"block{i}_pointwise", activation="relu")
    return finish(inputs, x, arguments, layers, dropout=0.4)
