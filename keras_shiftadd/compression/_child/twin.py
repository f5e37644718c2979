"""A tf_keras model that computes what a model of Keras 3 computes."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tf_keras

from keras_shiftadd._model_graph import run_graph
from keras_shiftadd.compression._child.twin_layer import Place, TwinLayer

_SYMBOLIC = type(tf_keras.Input((1,)))
# Puts a wrapper around a twin, or returns it as it is.
Wrap = Callable[[TwinLayer], Any]


@dataclass(frozen=True)
class Twin:
    """A tf_keras model and its layers.

    Args:
        model: Functional, with a list of inputs and a list of outputs where there are several.
        layers: A pair for each layer: the twin, and what stands for it in the model: a wrapper of
            it, or itself.
    """

    model: tf_keras.Model
    layers: list[tuple[TwinLayer, Any]]

    def carry_back(self) -> None:
        """Gives all weights to the layers of the model of Keras 3."""
        for layer, _ in self.layers:
            layer.carry_back()


def make_twin(model: keras.Model, wrap: Wrap = lambda layer: layer) -> Twin:
    """Makes a twin of a built Functional or Sequential model, with its weights.

    A layer that the model calls several times has one twin, which is called as often. Models inside
    the model are opened.

    Args:
        model: On the TensorFlow backend.
        wrap: Called once for each twin of a layer, before it is called.

    Raises:
        ValueError: If a layer is called in ways that differ in more than the tensors.
    """
    inputs = [
        tf_keras.Input(
            batch_shape=tuple(tensor.shape), dtype=keras.backend.standardize_dtype(tensor.dtype)
        )
        for tensor in keras.tree.flatten(model.inputs)
    ]
    maker = _Maker(wrap)
    outputs = run_graph(model, inputs, maker.apply)
    twin = tf_keras.Model(_one_or_all(inputs), _one_or_all(outputs), name=model.name)
    return Twin(twin, maker.layers)


class _Maker:
    """Makes twins of layers as the graph calls them."""

    def __init__(self, wrap: Wrap) -> None:
        self._wrap = wrap
        self._names: Counter[str] = Counter()
        self._made: dict[int, tuple[Any, str]] = {}
        self.layers: list[tuple[TwinLayer, Any]] = []

    def apply(
        self, operation: Any, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> list[Any]:
        """Calls the twin of an operation on tensors of tf_keras."""
        if isinstance(operation, keras.layers.InputLayer):
            return keras.tree.flatten(arguments)
        leaves: list[Any] = []

        def place(item: Any) -> Any:
            if not isinstance(item, _SYMBOLIC):
                return item
            leaves.append(item)
            return Place(len(leaves) - 1)

        arguments, keywords = keras.tree.map_structure(place, (list(arguments), dict(keywords)))
        form = repr((arguments, keywords))
        if id(operation) not in self._made:
            layer = TwinLayer(operation, self._unique(operation.name), arguments, keywords)
            outer = self._wrap(layer) if operation_has_weights(operation) else layer
            self._made[id(operation)] = outer, form
            self.layers.append((layer, outer))
        outer, first_form = self._made[id(operation)]
        if form != first_form:
            raise ValueError(
                "A layer that is called several times must be called with the same arguments but "
                f"for the tensors. Received: layer '{operation.name}' with {first_form} and {form}."
            )
        return tf.nest.flatten(outer(_one_or_all(leaves)))

    def _unique(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}__{self._names[name]}"


def operation_has_weights(operation: Any) -> bool:
    """Whether an operation of a graph is a layer with weights."""
    return isinstance(operation, keras.layers.Layer) and bool(operation.weights)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
