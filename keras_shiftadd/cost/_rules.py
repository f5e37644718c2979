"""Which counting rule a layer gets."""

from collections.abc import Callable
from typing import Any

import keras

from keras_shiftadd.cost import (
    _rules_attention,
    _rules_elementwise,
    _rules_linear,
    _rules_shiftadd,
    _rules_transformer,
)
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Work

Rule = Callable[[Any, Call], Work]


def _time_distributed(layer: Any, call: Call) -> Work:
    inner = layer.layer
    rule = find_rule(inner)
    if rule is None:
        raise CannotCount(f"no rule for the layer inside, {type(inner).__name__}")
    one_step = Call(
        inner,
        call.path,
        tuple((shape[0], *shape[2:]) for shape in call.input_shapes),
        tuple((shape[0], *shape[2:]) for shape in call.output_shapes),
    )
    return rule(inner, one_step).times(call.output_shape[1])


_LAYER_RULES: dict[type, Rule] = {
    **_rules_attention.RULES,
    **_rules_elementwise.RULES,
    **_rules_linear.RULES,
    **_rules_shiftadd.RULES,
    **_rules_transformer.RULES,
    keras.layers.TimeDistributed: _time_distributed,
}


def find_rule(operation: Any) -> Rule | None:
    """The rule that counts an operation, or None.

    A subclass is counted as its base only where it runs the base's `call`: a class that
    overrides `call` computes something else.
    """
    if not isinstance(operation, keras.layers.Layer):
        if type(operation).__module__.split(".")[0] != "keras":
            return None
        return _rules_elementwise.OPERATION_RULES.get(type(operation).__name__)
    kind: Any = type(operation)
    for base in kind.__mro__:
        if base in _LAYER_RULES:
            return _LAYER_RULES[base] if kind.call is base.call else None
    return None
