"""Counting rules of attention.

The projections are dense layers of their operators. Comparing queries with keys, and adding up
values, are convolution steps of two activations: there is no weight in them. The scale of the
scores is one multiplication a query element. The softmax is not counted.
"""

import inspect
import math
from dataclasses import dataclass
from typing import Any

import keras

from keras_shiftadd import layers
from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Operator, Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Output, Phase, Work

Shape = tuple[int, ...]
_OPERATORS: dict[str, Operator] = {"dense": "conv", "shift": "shift", "adder": "adder"}


@dataclass(frozen=True)
class _Projection:
    """One of the four projections: `positions` times `channels` to `units`."""

    positions: int
    channels: int
    units: int
    operator: Operator = "conv"
    weight_bits: int | None = None

    @property
    def outputs(self) -> int:
        return self.positions * self.units

    def steps(self, operator: Operator, weight_bits: int | None) -> Steps:
        weights = self.channels * self.units
        count = self.positions * weights
        inputs = self.positions * self.channels
        return Steps(operator, count, count, weights, weight_bits, inputs, self.outputs)


def _multi_head(layer: Any, call: Call) -> Work:
    if layer.get_config().get("use_gate"):
        raise CannotCount("use_gate=True")
    return _attention(layer, call, dict.fromkeys(("query", "key", "value", "output"), "dense"))


def _hybrid(layer: Any, call: Call) -> Work:
    if layer.similarity != "dot":
        raise CannotCount(f"similarity={layer.similarity!r}")
    return _attention(layer, call, layer.projections)


def _attention(layer: Any, call: Call, kinds: dict[str, str]) -> Work:
    query, key, value = _inputs(layer, call)
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
    projections = [_projection(layer, kinds[place], size) for place, size in sizes.items()]
    queries, keys, values = projections[:3]

    scores = heads * query_positions * _attended(layer, value)
    context = query_positions * value_units
    products = (
        _product(scores * layer.key_dim, queries.outputs + keys.outputs, scores),
        _product(scores * layer.value_dim, scores + values.outputs, context),
    )

    def parts(ordinary: bool) -> tuple[Steps, ...]:
        own = [
            p.steps("conv", None) if ordinary else p.steps(p.operator, p.weight_bits)
            for p in projections
        ]
        return (*own[:3], *products, own[3])

    tails = [_tail(layer, place, p.outputs) for place, p in zip(sizes, projections, strict=True)]
    scale = Operations(multiply=queries.outputs)
    changed = any(kind != "dense" for kind in kinds.values())
    parameters = sum(p.channels * p.units for p in projections)
    return Work(
        steps=parts(ordinary=False),
        elementwise=sum((operations for operations, _ in tails), scale),
        missing=(f"softmax of {scores} scores",),
        twin_steps=parts(ordinary=True) if changed else None,
        parameters=parameters + sum(extra for _, extra in tails),
        phases=_phases(queries.outputs, keys.outputs, values.outputs, scores, context),
    )


def _inputs(layer: Any, call: Call) -> tuple[Shape, Shape, Shape]:
    """Shapes of query, key and value."""
    arguments, named = call.arguments
    try:
        given = inspect.signature(layer.call).bind(*arguments, **named).arguments
        query, value = given["query"].shape, given["value"].shape
    except (TypeError, KeyError, AttributeError):
        raise CannotCount("its call does not say which inputs are query and value") from None
    key = given.get("key")
    return tuple(query), tuple(value if key is None else key.shape), tuple(value)


def _projection(layer: Any, kind: str, size: tuple[int, int, int]) -> _Projection:
    bits = layer.weight_bits if kind == "shift" else None
    return _Projection(*size, _OPERATORS[kind], bits)


def _attended(layer: Any, value: Shape) -> int:
    """Positions that a query is compared with."""
    axes = getattr(layer, "attention_axes", None)
    return math.prod(value[axis] for axis in axes) if axes else math.prod(value[1:-1])


def _product(count: int, inputs: int, outputs: int) -> Steps:
    return Steps("conv", count, count, weights=0, inputs=inputs, outputs=outputs)


def _tail(layer: Any, place: str, elements: int) -> tuple[Operations, int]:
    """Operations and parameters behind a projection: its bias, or its normalisation."""
    normalization = getattr(layer, f"{place}_normalization", None)
    if normalization is not None:
        return Operations(multiply=elements, add=elements), normalization.count_params()
    if not layer.use_bias:
        return NO_OPERATIONS, 0
    return Operations(add=elements), math.prod(getattr(layer, f"{place}_dense").bias.shape)


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
