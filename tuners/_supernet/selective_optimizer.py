"""An optimiser that leaves alone what a step did not use."""

from typing import Any

import keras
from keras import ops

_classes: dict[type, type] = {}


def selective(optimizer: Any) -> keras.optimizers.Optimizer:
    """A copy of an optimiser that only moves weights whose gradient is not zero.

    In a step of a supernet most weights may belong to no sub-network. Their gradient is zero, but
    momentum and weight decay would move them all the same on TensorFlow and JAX. For the same
    reason `weight_decay` becomes a part of the gradients of kernels in use.

    Args:
        optimizer: Keras optimiser, its name, or its configuration.

    Returns:
        A new optimiser.
    """
    optimizer = keras.optimizers.get(optimizer)
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    base = type(copy)
    if base not in _classes:
        _classes[base] = type(f"Selective{base.__name__}", (_Selective, base), {})
    copy.__class__ = _classes[base]
    copy.kernel_decay = copy.weight_decay or 0.0
    copy.weight_decay = None
    return copy


class _Selective:
    """Stands before the class of an optimiser among the bases."""

    kernel_decay: float

    def build(self, variables: list[Any]) -> None:
        """Creates the slots."""
        known = list(variables)
        # In a function, because Keras would track an attribute as variables of the optimiser.
        self._moved = lambda: known
        super().build(variables)  # type: ignore[misc]

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """Moves the weights in use."""
        variables = self._moved() if trainable_variables is None else list(trainable_variables)
        # PyTorch has no gradient where TensorFlow and JAX have zero.
        grads = [
            ops.zeros_like(ops.convert_to_tensor(v)) if g is None else g
            for g, v in zip(grads, variables, strict=True)
        ]
        if self.kernel_decay:
            grads = [
                self._decayed(g, v) if v.name.endswith("kernel") else g
                for g, v in zip(grads, variables, strict=True)
            ]
        if keras.backend.backend() != "torch":
            return super().apply(grads, trainable_variables)  # type: ignore[misc]
        # There all weights move in one call, which no `update_step` sees.
        before = [ops.copy(ops.stop_gradient(ops.convert_to_tensor(v))) for v in variables]
        result = super().apply(grads, trainable_variables)  # type: ignore[misc]
        for variable, old, gradient in zip(variables, before, grads, strict=True):
            new = ops.stop_gradient(ops.convert_to_tensor(variable))
            variable.assign(ops.where(ops.not_equal(gradient, 0), new, old))
        return result

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one weight where its gradient is not zero."""
        old = _value(variable)
        super().update_step(gradient, variable, learning_rate)  # type: ignore[misc]
        kept = ops.where(ops.not_equal(gradient, 0), _value(variable), old)
        self.assign(variable, kept)  # type: ignore[attr-defined]

    def _decayed(self, gradient: Any, variable: Any) -> Any:
        decay = self.kernel_decay * ops.cast(_value(variable), gradient.dtype)
        return ops.where(ops.not_equal(gradient, 0), gradient + decay, gradient)


def _value(variable: Any) -> Any:
    """The value of a Keras variable, or on TensorFlow of a variable of the framework."""
    value = ops.convert_to_tensor(variable)
    return ops.stop_gradient(ops.cast(value, value.dtype))
