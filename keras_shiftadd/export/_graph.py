"""Reads a Keras model as a list of nodes, one for each call of a layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._known_layers import check_layer
from keras_shiftadd.export._split_layers import split_layer


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
    output = _read_model(model, [source], nodes)[0]
    return _reachable(nodes, output)


def _check_kind(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a keras.Model. Received: {type(model).__name__}. "
            "A saved model is loaded with keras_shiftadd.load_model(path)."
        )
    if not isinstance(model, keras.Sequential) and "layers" not in _config(model):
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


def _config(model: keras.Model) -> dict[str, Any]:
    try:
        config = model.get_config()
    except NotImplementedError:
        return {}
    return config if "input_layers" in config else {}


def _check_layers(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _check_layers(layer)
        else:
            check_layer(layer)


def _read_model(model: keras.Model, sources: Sequence[Node], nodes: list[Node]) -> list[Node]:
    if isinstance(model, keras.Sequential):
        [current] = sources
        for layer in model.layers:
            current = _apply(layer, [current], nodes)[0]
        return [current]
    return _read_functional(model, sources, nodes)


def _read_functional(model: keras.Model, sources: Sequence[Node], nodes: list[Node]) -> list[Node]:
    config = _config(model)
    if not config:
        raise UnsupportedLayerError(
            f"Model '{model.name}' inside `model` is a subclassed model, which does not say how "
            f"its layers are connected. Received: {type(model).__name__}."
        )
    entries = {entry["name"]: entry for entry in config["layers"]}
    layers = {layer.name: layer for layer in model.layers}
    results: dict[tuple[str, int], list[Node]] = {}
    for (name, _, _), source in zip(_references(config["input_layers"]), sources, strict=True):
        results[name, 0] = [source]

    def result(name: str, call: int) -> list[Node]:
        if (name, call) not in results:
            if name not in layers:
                raise UnsupportedLayerError(
                    f"`model` uses the function '{entries[name]['class_name']}' ('{name}') "
                    "outside a layer, which the export does not know. Use the layer of the same "
                    "meaning, such as keras.layers.Add for +."
                )
            found = _history(entries[name]["inbound_nodes"][call])
            inputs = [result(source, index)[tensor] for source, index, tensor in found]
            results[name, call] = _apply(layers[name], inputs, nodes)
        return results[name, call]

    return [
        result(name, call)[tensor] for name, call, tensor in _references(config["output_layers"])
    ]


def _references(value: Any) -> list[tuple[str, int, int]]:
    """`["name", 0, 0]`, or a list or dictionary of such, as a list."""
    if isinstance(value, dict):
        value = list(value.values())
    if value and isinstance(value[0], str):
        return [(value[0], value[1], value[2])]
    return [(name, call, tensor) for name, call, tensor in value]


def _history(value: Any) -> list[tuple[str, int, int]]:
    """All Keras tensors in a serialised call, in order."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _references(value["config"]["keras_history"])
        return [found for item in value.values() for found in _history(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in _history(item)]
    return []


def _apply(layer: keras.layers.Layer, inputs: list[Node], nodes: list[Node]) -> list[Node]:
    if isinstance(layer, keras.Model):
        return _read_model(layer, inputs, nodes)
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
