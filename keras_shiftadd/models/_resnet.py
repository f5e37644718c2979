"""The residual networks of He et al. for small images."""

from typing import Any

import keras

from keras_shiftadd.models._arguments import Arguments
from keras_shiftadd.models._layers import NetworkLayers
from keras_shiftadd.models._top import finish

_WIDTHS = (16, 32, 64)


def resnet(arguments: Arguments, blocks: int) -> keras.Model:
    """Three stages of residual blocks, a shortcut with a pointwise layer where the shape changes.

    Args:
        arguments: Those of the network.
        blocks: Number of blocks in a stage.
    """
    layers = NetworkLayers(arguments)
    widths = [max(1, round(width * arguments.alpha)) for width in _WIDTHS]
    inputs, x = layers.input(arguments)
    x = layers.convolution(
        x, arguments.stem_operator, widths[0], 3, name="stem", activation=arguments.activation
    )
    operators = iter(arguments.operators)
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            name = f"stage{stage}_block{block}"
            x = _block(x, next(operators), width, stride, name, arguments, layers)
    return finish(inputs, x, arguments, layers)


def _block(
    x: Any,
    operator: str,
    width: int,
    stride: int,
    name: str,
    arguments: Arguments,
    layers: NetworkLayers,
) -> Any:
    """Two layers and their shortcut; with `shortcuts="layer"` one around each of them, too."""
    each = arguments.shortcuts == "layer"
    start, first = x, f"{name}_conv0"
    x = layers.convolution(x, operator, width, 3, stride, name=first)
    if each and stride == 1:
        x = keras.layers.Add(name=f"{first}_add")([start, x])
    middle = x = layers.activate(x, arguments.activation, first)
    x = layers.convolution(x, operator, width, 3, name=f"{name}_conv1")
    if each:
        x = keras.layers.Add(name=f"{name}_conv1_add")([middle, x])
    if stride != 1:
        start = layers.convolution(start, operator, width, 1, stride, name=f"{name}_shortcut")
    x = keras.layers.Add(name=f"{name}_add")([start, x])
    return layers.activate(x, arguments.activation, name)
