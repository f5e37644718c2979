"""An optimiser that moves the weights of a tiny network as ever, and extra ones beside them."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._tensors import plain_tensor

_classes: dict[type, type] = {}


class JointOptimizer:
    """Stands before the class of an optimiser among the bases, while extra weights are trained.

    The optimiser stays the object that it was: its variables, its state and what is saved of it
    are those of the tiny network. A copy moves the extra weights; so clipping by a global norm,
    too, is for either of them alone.
    """

    _companion: Any

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> Any:
        """Moves both kinds of weights."""
        companion = self._companion()
        if companion.hidden:
            super().apply(grads, trainable_variables)  # type: ignore[misc]
            return
        if trainable_variables is None:
            raise ValueError(
                "An optimizer of an augmented model must be called with gradients and variables. "
                "Received: gradients only."
            )
        known = {id(v) for v in companion.extra}
        pairs = list(zip(grads, trainable_variables, strict=True))
        own = [(g, v) for g, v in pairs if id(v) not in known]
        super().apply(*_unzipped(own))  # type: ignore[misc]
        # PyTorch has no gradient for weights that no layer of a step used.
        others = [(g, v) for g, v in pairs if id(v) in known and g is not None]
        if others:
            companion.optimizer.apply(*_unzipped(others))

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Any
    ) -> tuple[list[Any], list[Any]]:
        """The same on values in place of variables."""
        companion = self._companion()
        if companion.hidden:
            return super().stateless_apply(  # type: ignore[misc]
                optimizer_variables, grads, trainable_variables
            )
        count = len(trainable_variables) - len(companion.extra)
        with companion.only_own():
            state = len(self.variables)
            own, own_state = super().stateless_apply(  # type: ignore[misc]
                optimizer_variables[:state], grads[:count], trainable_variables[:count]
            )
        others, other_state = companion.optimizer.stateless_apply(
            optimizer_variables[state:], grads[count:], trainable_variables[count:]
        )
        return [*own, *others], [*own_state, *other_state]

    @property
    def variables(self) -> list[Any]:
        """State of both."""
        companion = self._companion()
        own = super().variables  # type: ignore[misc]
        return own if companion.hidden else [*own, *companion.optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The learning rate."""
        return super().learning_rate  # type: ignore[misc]

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        companion = self._companion()
        setter = type(companion.optimizer).learning_rate.fset
        setter(self, value)
        companion.optimizer.learning_rate = value

    def save_own_variables(self, store: Any) -> None:
        """Saves the state of the tiny network's weights."""
        with self._companion().only_own():
            super().save_own_variables(store)  # type: ignore[misc]

    def load_own_variables(self, store: Any) -> None:
        """Loads the state of the tiny network's weights."""
        with self._companion().only_own():
            super().load_own_variables(store)  # type: ignore[misc]

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Overwrites the tiny network's weights by their averages, where they are kept."""
        known = {id(v) for v in self._companion().extra}
        super().finalize_variable_values([v for v in var_list if id(v) not in known])  # type: ignore[misc]


class Companion:
    """The copy of an optimiser, and the extra weights that it moves.

    Args:
        optimizer: a built optimiser.
        extra: weights that it shall not know.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, extra: list[Any]) -> None:
        self.extra = extra
        self.optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        self.optimizer.build(extra)
        # Its number, not its buffer: a JAX step gives buffers away.
        self.optimizer.iterations.assign(ops.convert_to_numpy(plain_tensor(optimizer.iterations)))
        self.hidden = False

    @contextlib.contextmanager
    def only_own(self) -> Iterator[None]:
        """Hides the state of the copy."""
        self.hidden = True
        try:
            yield
        finally:
            self.hidden = False


def inner_optimizer(optimizer: Any) -> Any:
    """The optimiser inside one that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def join(optimizer: Any, extra: list[Any]) -> None:
    """Makes a built optimiser move extra weights, too."""
    optimizer = inner_optimizer(optimizer)
    companion = Companion(optimizer, extra)
    base = type(optimizer)
    if base not in _classes:
        _classes[base] = type(
            base.__name__, (JointOptimizer, base), {"__module__": base.__module__}
        )
    # A function, because Keras would take an attribute for a part of the optimiser.
    optimizer._companion = lambda: companion
    optimizer.__class__ = _classes[base]


def part(optimizer: Any) -> None:
    """Takes the extra weights away again."""
    optimizer = inner_optimizer(optimizer)
    if isinstance(optimizer, JointOptimizer):
        optimizer.__class__ = type(optimizer).__mro__[2]
        del optimizer._companion


def _unzipped(pairs: list[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
