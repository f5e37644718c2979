"""From nodes and ranges to the bytes of a .tflite file."""

from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_shiftadd.export._builtin.write_adder import write_adder
from keras_shiftadd.export._builtin.write_kernels import write_kernel
from keras_shiftadd.export._builtin.write_simple import (
    write_activation,
    write_concatenate,
    write_elementwise,
    write_global_pooling,
    write_normalization,
    write_padding,
    write_pooling,
    write_shape,
)
from keras_shiftadd.export._builtin.writer import Writer
from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._model import known_layers as known
from keras_shiftadd.export._model.calibration import Range
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._model.plan import Step, plan

_WRITERS: tuple[tuple[tuple[type, ...], Callable[[Writer, Step], None]], ...] = (
    (known.AFFINE, write_normalization),
    (known.ACTIVATION, write_activation),
    (known.POOLING, write_pooling),
    (known.GLOBAL_POOLING, write_global_pooling),
    (known.ELEMENTWISE, write_elementwise),
    ((keras.layers.Concatenate,), write_concatenate),
    (known.PADDING, write_padding),
    ((*known.SHAPE, *known.FAKE_QUANTIZATION), write_shape),
)


def compile_nodes(
    nodes: Sequence[Node], ranges: dict[Node, Range], max_scratch_bytes: int
) -> bytes:
    """Writes all steps of a model.

    Args:
        nodes: The model's nodes in order of execution.
        ranges: The range of every node's output; those of `FakeQuantization` layers come first.
        max_scratch_bytes: Bound on what an adder layer holds at a time.

    Raises:
        UnsupportedLayerError: If a layer's settings cannot be written.
        ValueError: If `max_scratch_bytes` is too small for an adder layer.
    """
    writer = Writer(_with_learned(nodes, ranges), max_scratch_bytes)
    source, output = nodes[0], nodes[-1]
    value = writer.new("input", (1, *source.shape), writer.output_quantization(source))
    writer.put(source, value)
    for step in plan(nodes):
        _writer_of(step)(writer, step)
    return writer.flat.serialize([value.index], [writer.get(output).index])


def _with_learned(nodes: Sequence[Node], ranges: dict[Node, Range]) -> dict[Node, Range]:
    """The ranges, with learned ones in the place of what was measured."""
    learned: dict[Node, Range] = {}
    for node in nodes:
        if not isinstance(node.layer, known.FAKE_QUANTIZATION):
            continue
        low, high = node.layer.learned_range()
        # Its numbers are those of the tensor that it rounds.
        while node not in learned:
            size = node.shape[-1]
            learned[node] = Range(np.full(size, low), np.full(size, high))
            if isinstance(node.layer, (*known.SHAPE, *known.FAKE_QUANTIZATION)):
                [node] = node.inputs
    return {**ranges, **learned}


def _writer_of(step: Step) -> Callable[[Writer, Step], None]:
    layer = step.node.layer
    if isinstance(layer, known.KERNEL):
        return write_adder if known.operator(layer) == "adder" else write_kernel
    for classes, write in _WRITERS:
        if isinstance(layer, classes):
            return write
    raise UnsupportedLayerError(
        "Attention, layer normalisation and vectors of positions are not written in float ranges. "
        f"Received: layer '{step.node.name}'. Export with kernels=\"custom\", which keeps the "
        "integers of `quantize`: attention is of builtin operators there, too."
    )
