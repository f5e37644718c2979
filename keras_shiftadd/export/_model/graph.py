"""Reads a Keras model as a list of nodes, one for each call of a layer."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_shiftadd._model_graph import has_graph, run_graph
from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._model.compose import compose
from keras_shiftadd.export._model.known_layers import COMPOSED, check_layer
from keras_shiftadd.export._model.split_layers import split_layer


@dataclass(eq=False)
class Node:
    """One call of a layer.

    Args:
        layer: The layer, which has no activation of its own; None for the model's input.
        inputs: The nodes whose outputs it takes.
        shape: Output shape without the batch axis.
    """

    layer: keras.layers.Layer | None
    inputs: list["Node"]
    shape: tuple[int, ...]
    users: list["Node"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The layer's name."""
        return "input" if self.layer is None else str(self.layer.name)


def read_graph(model: keras.Model) -> list[Node]:
    """Lists the nodes of a model in order of execution, the input first, the output last.

    Layers that do nothing at inference are left out; a layer's activation becomes a node of its
    own; models inside the model are opened.

    Args:
        model: A built Functional or Sequential model with one input and one output.

    Raises:
        UnsupportedLayerError: If a layer is not known to the export.
        ValueError: If the model is of another kind, or is not built.
    """
    _check_kind(model)
    _check_layers(model)
    shape = _static_shape(model)
    source = Node(None, [], shape)
    nodes = [source]
    apply = functools.partial(_apply_call, nodes=nodes)
    [output] = run_graph(model, [source], apply)
    return _reachable(nodes, output)


def _check_kind(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a keras.Model. Received: {type(model).__name__}. "
            "A saved model is loaded with keras_shiftadd.load_model(path)."
        )
    if not has_graph(model):
        raise ValueError(
            "`model` must be a Functional or Sequential model: a subclassed model does not say "
            f"how its layers are connected. Received: {type(model).__name__} '{model.name}'."
        )
    if not model.built or not _tensors(model, "inputs"):
        raise ValueError(
            f"`model` must be built. Received: '{model.name}', which has no known input shape. "
            "Start it with keras.Input(shape), or call it on data once."
        )
    counts = len(_tensors(model, "inputs")), len(_tensors(model, "outputs"))
    if counts != (1, 1):
        raise ValueError(
            "`model` must have one input and one output. "
            f"Received: '{model.name}' with {counts[0]} inputs and {counts[1]} outputs."
        )


def _tensors(model: keras.Model, name: str) -> list[Any]:
    try:
        return keras.tree.flatten(getattr(model, name))
    except (AttributeError, ValueError):
        return []


def _static_shape(model: keras.Model) -> tuple[int, ...]:
    shape = tuple(_tensors(model, "inputs")[0].shape)
    if len(shape) < 2 or None in shape[1:]:
        raise ValueError(
            "`model` must have an input of known size in every axis but the batch. "
            f"Received: '{model.name}' with input shape {shape}."
        )
    return shape[1:]


def _check_layers(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            if not has_graph(layer):
                raise UnsupportedLayerError(
                    f"Model '{layer.name}' inside `model` is a subclassed model, which does not "
                    f"say how its layers are connected. Received: {type(layer).__name__}."
                )
            _check_layers(layer)
        else:
            check_layer(layer)


def _apply_call(
    operation: Any, arguments: Sequence[Any], keywords: dict[str, Any], nodes: list[Node]
) -> list[Node]:
    if not isinstance(operation, keras.layers.Layer):
        raise UnsupportedLayerError(
            f"`model` uses the function '{type(operation).__name__}' ('{operation.name}') "
            "outside a layer, which the export does not know. Use the layer of the same "
            "meaning, such as keras.layers.Add for +."
        )
    inputs = [v for v in keras.tree.flatten((arguments, keywords)) if isinstance(v, Node)]
    _check_keywords(operation, keywords)
    return _apply(operation, inputs, nodes)


def _check_keywords(layer: keras.layers.Layer, keywords: dict[str, Any]) -> None:
    """Raises for an argument of a call that changes what attention computes."""
    known = ("training", "query", "value", "key", "inputs")
    given = [
        name for name, value in keywords.items() if name not in known and value not in (None, False)
    ]
    if isinstance(layer, COMPOSED) and given:
        raise UnsupportedLayerError(
            f"Layer '{layer.name}' ({type(layer).__name__}) cannot be exported: it must be called "
            f"without masks, scores and caches. Received: {', '.join(given)}."
        )


def _apply(layer: keras.layers.Layer, inputs: list[Node], nodes: list[Node]) -> list[Node]:
    if isinstance(layer, COMPOSED):

        def add(part: keras.layers.Layer, sources: list[Node]) -> Node:
            return _apply(part, sources, nodes)[0]

        if any(len(node.shape) != 2 for node in inputs):
            raise UnsupportedLayerError(
                f"Layer '{layer.name}' ({type(layer).__name__}) cannot be exported: its inputs "
                f"must have the shape (tokens, channels). Received: {inputs[0].shape}."
            )
        return [compose(layer, inputs, add)]
    current = inputs
    for part in split_layer(layer, [(None, *node.shape) for node in inputs]):
        shapes = [(None, *node.shape) for node in current]
        shape = part.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
        node = Node(part, current, tuple(int(size) for size in shape[1:]))
        nodes.append(node)
        current = [node]
    return current


def _reachable(nodes: list[Node], output: Node) -> list[Node]:
    """The nodes that the output needs, with their users filled in."""
    needed = {id(output)}
    for node in reversed(nodes):
        if id(node) in needed:
            needed.update(id(source) for source in node.inputs)
    kept = [node for node in nodes if id(node) in needed]
    for node in kept:
        for source in node.inputs:
            source.users.append(node)
    # The output leads out of the model: nothing may be merged into it from behind.
    kept.remove(output)
    return [*kept, output]
