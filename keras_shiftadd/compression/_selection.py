"""Which layers of a model are pruned or clustered."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.compression._job import all_layers
from keras_shiftadd.compression._kernels import (
    kernel_names,
    kernel_problem,
    training_problem,
)


def select_layers(model: keras.Model, layers: Sequence[str] | None, action: str) -> list[str]:
    """The names of the layers whose kernels are changed.

    Args:
        model: A built model.
        layers: Names of layers, or None for all trainable ones with kernels.
        action: What is done to them, for messages: `"pruned"` or `"clustered"`.

    Raises:
        TypeError: If `layers` is no sequence of names.
        ValueError: If a layer is not in the model, or cannot be changed, or there is none.
    """
    by_name = {str(layer.name): layer for layer in all_layers(model)}
    if layers is None:
        chosen: list[Any] = [layer for layer in by_name.values() if layer.trainable]
    else:
        if isinstance(layers, str) or not all(isinstance(name, str) for name in layers):
            raise TypeError(f"`layers` must be a list of names of layers. Received: {layers!r}.")
        unknown = [name for name in layers if name not in by_name]
        if unknown:
            raise ValueError(
                f"`layers` must name layers of '{model.name}'. Received: {', '.join(unknown)}."
            )
        chosen = [by_name[name] for name in layers]
    for layer in chosen:
        problem = kernel_problem(layer)
        if problem is None and action == "clustered" and kernel_names(layer):
            problem = training_problem(layer)
        if problem is not None:
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}) cannot be {action}: {problem}. "
                "Or leave it out by naming the others in `layers`."
            )
        if layers is not None and not kernel_names(layer):
            raise ValueError(
                f"A layer that is to be {action} must have a kernel. "
                f"Received: '{layer.name}' ({type(layer).__name__})."
            )
    names = [str(layer.name) for layer in chosen if kernel_names(layer)]
    if not names:
        raise ValueError(
            f"`model` must have a trainable layer with a kernel, to be {action}. "
            f"Received: '{model.name}'."
        )
    return names
