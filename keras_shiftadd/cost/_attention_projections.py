"""What the counting rules of attention have in common: inputs and projections."""

import inspect
import math
from dataclasses import dataclass
from typing import Any

from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Operator, Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount

Shape = tuple[int, ...]
_OPERATORS: dict[str, Operator] = {"dense": "conv", "shift": "shift", "adder": "adder"}


@dataclass(frozen=True)
class Projection:
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


def has_key(layer: Any, call: Call) -> bool:
    """Whether a call of attention is given a key, besides the value."""
    return _given(layer, call).get("key") is not None


def attention_inputs(layer: Any, call: Call) -> tuple[Shape, Shape, Shape]:
    """Shapes of query, key and value."""
    given = _given(layer, call)
    query, value = given["query"].shape, given["value"].shape
    key = given.get("key")
    return tuple(query), tuple(value if key is None else key.shape), tuple(value)


def make_projection(layer: Any, kind: str, size: tuple[int, int, int]) -> Projection:
    bits = layer.weight_bits if kind == "shift" else None
    return Projection(*size, _OPERATORS[kind], bits)


def projection_tail(layer: Any, place: str, elements: int) -> tuple[Operations, int]:
    """Operations and parameters behind a projection: its bias, or its normalisation."""
    normalization = getattr(layer, f"{place}_normalization", None)
    if normalization is not None:
        return Operations(multiply=elements, add=elements), normalization.count_params()
    if not layer.use_bias:
        return NO_OPERATIONS, 0
    return Operations(add=elements), math.prod(getattr(layer, f"{place}_dense").bias.shape)


def _given(layer: Any, call: Call) -> dict[str, Any]:
    arguments, named = call.arguments
    try:
        given = inspect.signature(layer.call).bind(*arguments, **named).arguments
        given["query"].shape, given["value"].shape
    except (TypeError, KeyError, AttributeError):
        raise CannotCount("its call does not say which inputs are query and value") from None
    return given
