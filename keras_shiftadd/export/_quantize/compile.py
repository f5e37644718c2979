"""From nodes and what was measured to an int8 network."""

from collections.abc import Callable, Sequence

import keras

from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._model import known_layers as known
from keras_shiftadd.export._model import parts
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._model.plan import Step, plan
from keras_shiftadd.export._quantize.activations import quantize_activation
from keras_shiftadd.export._quantize.builder import Builder, ClampedWeights
from keras_shiftadd.export._quantize.convolutions import quantize_affine, quantize_layer
from keras_shiftadd.export._quantize.matrices import (
    quantize_heads,
    quantize_matmul,
    quantize_positions,
    quantize_repeat,
)
from keras_shiftadd.export._quantize.merging import quantize_concatenation, quantize_elementwise
from keras_shiftadd.export._quantize.observations import Observations
from keras_shiftadd.export._quantize.options import Options
from keras_shiftadd.export._quantize.pooling import (
    quantize_global_pooling,
    quantize_padding,
    quantize_pooling,
    quantize_shape,
)
from keras_shiftadd.export._quantize.tensors import TensorQuantizations

_QUANTIZERS: tuple[tuple[tuple[type, ...], Callable[[Builder, Step], None]], ...] = (
    (known.KERNEL, quantize_layer),
    (known.AFFINE, quantize_affine),
    (known.ACTIVATION, quantize_activation),
    (known.POOLING, quantize_pooling),
    (known.GLOBAL_POOLING, quantize_global_pooling),
    (known.ELEMENTWISE, quantize_elementwise),
    ((keras.layers.Concatenate,), quantize_concatenation),
    (known.MATRICES, quantize_matmul),
    ((parts.SplitHeads, parts.JoinHeads), quantize_heads),
    ((parts.RepeatChannel,), quantize_repeat),
    (known.POSITIONS, quantize_positions),
    (known.PADDING, quantize_padding),
    ((*known.SHAPE, *known.FAKE_QUANTIZATION), quantize_shape),
)


def quantize_nodes(
    name: str, nodes: Sequence[Node], observations: Observations, options: Options
) -> tuple[IntegerModel, list[ClampedWeights]]:
    """Makes an int8 network.

    Args:
        name: Of the network.
        nodes: The model's nodes in order of execution.
        observations: What was measured on them.
        options: How they are quantised.

    Returns:
        The network, and for each adder layer how many weights were clamped.

    Raises:
        UnsupportedLayerError: If a layer has no form in int8.
    """
    steps = plan(nodes)
    quantizations = TensorQuantizations(nodes, steps, observations, options)
    builder = Builder(quantizations, observations, options)
    builder.start(nodes[0])
    for step in steps:
        layer = step.node.layer
        quantizer = next(make for classes, make in _QUANTIZERS if isinstance(layer, classes))
        quantizer(builder, step)
    model = builder.finish(name, nodes[-1])
    check(model)
    return model, builder.clamped
