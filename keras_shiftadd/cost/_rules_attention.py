"""Counting rules of attention with scores of pairs.

The projections are dense layers of their operators. Comparing queries with keys, and adding up
values, are steps of two activations: there is no weight in them. They are convolution steps, but
adder steps where distances are compared. The scale of the scores is one multiplication a query
element, or a score of a distance; a gate is one a mixed value. Softmax and sigmoid are not counted.
"""

import math
from dataclasses import replace
from typing import Any

import keras

from keras_shiftadd import layers
from keras_shiftadd.cost._attention_projections import (
    Shape,
    attention_inputs,
    make_projection,
    projection_tail,
)
from keras_shiftadd.cost._binary_linear import binary_linear_attention
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._steps import Operator, Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Output, Phase, Work


def _multi_head(layer: Any, call: Call) -> Work:
    if layer.get_config().get("use_gate"):
        raise CannotCount("use_gate=True")
    return _attention(layer, call, dict.fromkeys(("query", "key", "value", "output"), "dense"))


def _hybrid(layer: Any, call: Call) -> Work:
    if layer.similarity == "binary_linear":
        return binary_linear_attention(layer, call)
    return _attention(layer, call, layer.projections)


def _attention(layer: Any, call: Call, kinds: dict[str, str]) -> Work:
    query, key, value = attention_inputs(layer, call)
    query_positions, positions = math.prod(query[1:-1]), math.prod(value[1:-1])
    heads = layer.num_heads
    key_units, value_units = heads * layer.key_dim, heads * layer.value_dim
    output_units = math.prod(call.output_shape[1:]) // query_positions
    sizes = {
        "query": (query_positions, query[-1], key_units),
        "key": (positions, key[-1], key_units),
        "value": (positions, value[-1], value_units),
        "output": (query_positions, value_units, output_units),
    }
    if getattr(layer, "use_gate", False):
        sizes["gate"] = (query_positions, query[-1], value_units)
        kinds = {**kinds, "gate": kinds["query"]}
    projections = [make_projection(layer, kinds[place], size) for place, size in sizes.items()]
    queries, keys, values = projections[:3]

    compare: Operator = "adder" if getattr(layer, "similarity", "dot") == "laplacian" else "conv"
    scores = heads * query_positions * _attended(layer, value)
    context = query_positions * value_units
    products = (
        _product(compare, scores * layer.key_dim, queries.outputs + keys.outputs, scores),
        _product("conv", scores * layer.value_dim, scores + values.outputs, context),
    )

    def parts(ordinary: bool) -> tuple[Steps, ...]:
        own = [
            p.steps("conv", None) if ordinary else p.steps(p.operator, p.weight_bits)
            for p in projections
        ]
        inner = products
        if ordinary:
            inner = (replace(products[0], operator="conv"), products[1])
        return (*own[:3], *own[4:], *inner, own[3])

    tails = [
        projection_tail(layer, place, p.outputs)
        for place, p in zip(sizes, projections, strict=True)
    ]
    scale = Operations(multiply=queries.outputs if compare == "conv" else scores)
    if "gate" in sizes:
        scale = scale + Operations(multiply=context)
    changed = compare != "conv" or any(kind != "dense" for kind in kinds.values())
    parameters = sum(p.channels * p.units for p in projections)
    return Work(
        steps=parts(ordinary=False),
        elementwise=sum((operations for operations, _ in tails), scale),
        missing=(f"softmax of {scores} scores",),
        twin_steps=parts(ordinary=True) if changed else None,
        parameters=parameters + sum(extra for _, extra in tails),
        phases=_phases(queries.outputs, keys.outputs, values.outputs, scores, context),
    )


def _attended(layer: Any, value: Shape) -> int:
    """Positions that a query is compared with."""
    axes = getattr(layer, "attention_axes", None)
    return math.prod(value[axis] for axis in axes) if axes else math.prod(value[1:-1])


def _product(operator: Operator, count: int, inputs: int, outputs: int) -> Steps:
    return Steps(operator, count, count, weights=0, inputs=inputs, outputs=outputs)


def _phases(queries: int, keys: int, values: int, scores: int, context: int) -> tuple[Phase, ...]:
    """All heads at a time; the scores become their softmax in place."""
    return (
        Phase(inner=queries + keys + values, output=False),
        Phase(inputs=False, inner=queries + keys + values + scores, output=False),
        Phase(inputs=False, inner=values + scores + context, output=False),
        Phase(inputs=False, inner=context),
    )


def _softmax(layer: Any, call: Call) -> Work:
    return Work(missing=(f"softmax of {call.output_elements} elements",), output=Output.MERGE)


RULES: dict[type, Any] = {
    keras.layers.MultiHeadAttention: _multi_head,
    layers.HybridAttention: _hybrid,
    keras.layers.Softmax: _softmax,
}
