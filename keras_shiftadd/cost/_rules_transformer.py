"""Counting rules of the parts of transformers that are not made of other counted layers."""

import math
from typing import Any

from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Operator, Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import Output, Phase, Work
from keras_shiftadd.layers._balance import TopKGates
from keras_shiftadd.layers._embeddings import PositionEmbedding, TokenEmbedding
from keras_shiftadd.layers._lightweight_kernel import LightweightKernel


def _lightweight(layer: Any, call: Call) -> Work:
    elements, channels = call.input_elements, call.input_shape[-1]
    count, weights = elements * layer.kernel_size, layer.kernel_size * layer.num_heads

    def steps(operator: Operator) -> Steps:
        bits = layer.operators.shift["weight_bits"] if operator == "shift" else None
        return Steps(operator, count, count * channels, weights, bits, elements, elements)

    norm = layer.normalization
    scale = NO_OPERATIONS if norm is None else elements * Operations(multiply=1, add=1)
    between = [Phase(inputs=False, inner=elements)] * (len(layer.stages) - 1)
    phases = (Phase(), *between) if not between else (Phase(output=False, inner=elements), *between)
    return Work(
        steps=tuple(steps(stage) for stage in layer.stages),
        elementwise=scale,
        twin_steps=None if layer.operator == "conv" else (steps("conv"),),
        parameters=weights * len(layer.stages) + (0 if norm is None else norm.count_params()),
        phases=phases,
        twin_phases=(Phase(),) if between else None,
    )


def _gates(layer: Any, call: Call) -> Work:
    count = call.output_elements
    return Work(
        missing=(f"softmax of {count} scores, and the choice of the largest",), output=Output.MERGE
    )


def _token_embedding(layer: Any, call: Call) -> Work:
    """Vectors are looked up, scaled and added to sinusoids; or compared with all of them.

    The comparison reads the vectors as activations, since the look-up has their parameters.
    """
    if call.output_shape[-1] == layer.embedding_dim and len(call.input_shape) == 2:
        return Work(elementwise=call.output_elements * Operations(multiply=1, add=1))
    weights = math.prod(layer.embeddings.shape)
    count = call.input_elements * layer.vocabulary_size
    steps = Steps(
        "conv",
        count,
        count,
        weights=0,
        inputs=call.input_elements + weights,
        outputs=call.output_elements,
    )
    return Work(steps=(steps,))


def _position_embedding(layer: Any, call: Call) -> Work:
    return Work(elementwise=Operations(add=call.output_elements), output=Output.MERGE)


RULES: dict[type, Any] = {
    LightweightKernel: _lightweight,
    TopKGates: _gates,
    TokenEmbedding: _token_embedding,
    PositionEmbedding: _position_embedding,
}
