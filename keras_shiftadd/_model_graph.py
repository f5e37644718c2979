"""Runs values of any kind through the graph of a Functional or Sequential model."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

# Takes an operation (a layer, or a function of keras.ops), its arguments and keyword arguments, and
# returns its outputs, flat.
Apply = Callable[[Any, Sequence[Any], dict[str, Any]], Sequence[Any]]


def has_graph(model: Any) -> bool:
    """Whether it is known how the layers of a model are connected."""
    return isinstance(model, keras.Sequential) or bool(_config(model))


def run_graph(model: keras.Model, inputs: Sequence[Any], apply: Apply) -> list[Any]:
    """Calls `apply` once for each call of an operation, in an order that respects the graph.

    Models inside the model are opened.

    Args:
        model: a built Functional or Sequential model.
        inputs: a value for each input, flat.
        apply: gets values in the places of tensors.

    Returns:
        A value for each output, flat.

    Raises:
        ValueError: if a model inside the model does not say how its layers are connected.
    """
    if isinstance(model, keras.Sequential):
        values = list(inputs)
        for layer in model.layers:
            values = _apply(layer, values, {}, apply)
        return values
    config = _config(model)
    if not config:
        raise ValueError(
            "A model inside a model must be a Functional or Sequential model, which says how its "
            f"layers are connected. Received: {type(model).__name__} '{model.name}'."
        )
    calls = {entry["name"]: entry["inbound_nodes"] for entry in config["layers"]}
    operations = {operation.name: operation for operation in model.operations}
    results: dict[tuple[str, int], list[Any]] = {}
    for (name, _, _), value in zip(_references(config["input_layers"]), inputs, strict=True):
        results[name, 0] = [value]

    def value_of(reference: Sequence[Any]) -> Any:
        name, call, tensor = reference
        if (name, call) not in results:
            node = calls[name][call]
            arguments, keywords = (_deserialized(node[k], value_of) for k in ("args", "kwargs"))
            results[name, call] = _apply(operations[name], arguments, keywords, apply)
        return results[name, call][tensor]

    return [value_of(reference) for reference in _references(config["output_layers"])]


def _config(model: Any) -> dict[str, Any]:
    try:
        config = model.get_config()
    except NotImplementedError:
        return {}
    return config if "input_layers" in config else {}


def _apply(
    operation: Any, arguments: Sequence[Any], keywords: dict[str, Any], apply: Apply
) -> list[Any]:
    if isinstance(operation, keras.Model):
        return run_graph(operation, keras.tree.flatten(arguments), apply)
    return list(apply(operation, arguments, keywords))


def _references(value: Any) -> list[tuple[str, int, int]]:
    """`["name", 0, 0]`, or a list or dictionary of such, as a list."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if value and isinstance(value[0], str):
        return [(value[0], value[1], value[2])]
    return [(name, call, tensor) for name, call, tensor in value]


def _deserialized(value: Any, value_of: Callable[[Sequence[Any]], Any]) -> Any:
    """Arguments of a serialised call, with values in the places of tensors."""
    if isinstance(value, list | tuple):
        return [_deserialized(item, value_of) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind == "__keras_tensor__":
        return value_of(value["config"]["keras_history"])
    if kind == "__tuple__":
        return tuple(_deserialized(value["config"]["value"], value_of))
    if kind is not None:
        return keras.saving.deserialize_keras_object(value)
    return {key: _deserialized(item, value_of) for key, item in value.items()}
