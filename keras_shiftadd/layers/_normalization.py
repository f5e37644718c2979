"""Finds adder layers whose output reaches other weights without a normalisation."""

import sys
import warnings
import weakref
from typing import Any

import keras

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
)
_checked: weakref.WeakSet[Any] = weakref.WeakSet()


class MissingNormalizationWarning(UserWarning):
    """An adder layer is not followed by a normalisation."""


def check_normalization(model: keras.Model) -> list[str]:
    """Warns of adder layers that are not followed by a normalisation.

    An adder layer puts out sums of distances: large negative numbers. Without a normalisation
    behind it (BatchNormalization, as a rule) training stays at chance. Layers without weights
    (activations, pooling, additions, dropout, ...) may stand between the two. Only Functional and
    Sequential models can be read; others pass unchecked.

    A model that is trained is checked by its adder layers, once; call this function to check
    earlier, or for the list.

    Args:
        model: A built Keras model.

    Returns:
        The names of the adder layers that miss a normalisation.

    Example:

    >>> keras_shiftadd.layers.check_normalization(model)
    ['adder_conv2d_1']
    """
    names = [layer.name for layer in _missing(model, inner=False)]
    _checked.add(model)
    if names:
        warnings.warn(
            "An adder layer must be followed by a normalisation, or training stays at chance. "
            f"Received: model '{model.name}' with {', '.join(names)} not followed by one. Add a "
            "keras.layers.BatchNormalization() behind each, before the next layer with weights.",
            MissingNormalizationWarning,
            stacklevel=2,
        )
    return names


def warn_enclosing_model(layer: keras.layers.Layer) -> None:
    """Checks the outermost model whose call is under way, once a model."""
    # Keras gives a layer no public way to the model that calls it; the call stack does.
    model = None
    frame = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.Model) and caller is not layer:
            model = caller
        frame = frame.f_back  # type: ignore[assignment]
    if model is not None and model not in _checked:
        check_normalization(model)


def _missing(model: keras.Model, inner: bool) -> list[keras.layers.Layer]:
    try:
        layers = list(model.layers)
        outputs = {id(tensor) for tensor in keras.tree.flatten(model.outputs)}
    except (AttributeError, ValueError):
        return []
    found: list[keras.layers.Layer] = []
    consumers: dict[int, list[keras.layers.Layer]] = {}
    for layer in layers:
        if isinstance(layer, keras.Model):
            found += _missing(layer, inner=True)
        for tensor in _tensors(layer, "input"):
            consumers.setdefault(id(tensor), []).append(layer)
    for layer in layers:
        ends_in_adder = getattr(layer, "operator", None) in ("adder", "shift_adder")
        # Layers made of layers normalise behind the adders that they hold.
        ends_in_adder = ends_in_adder and not getattr(layer, "normalizes_itself", False)
        if ends_in_adder and _reaches_weights(layer, consumers, outputs, inner):
            found.append(layer)
    return found


def _reaches_weights(
    layer: keras.layers.Layer,
    consumers: dict[int, list[keras.layers.Layer]],
    outputs: set[int],
    inner: bool,
) -> bool:
    """Whether a path from `layer` meets weights or the end of the model before a normalisation."""
    for tensor in _tensors(layer, "output"):
        # What follows an inner model is not known here.
        if id(tensor) in outputs and not inner:
            return True
        for consumer in consumers.get(id(tensor), []):
            if isinstance(consumer, (*_NORMALIZATIONS, keras.Model)):
                continue
            if consumer.weights or _reaches_weights(consumer, consumers, outputs, inner):
                return True
    return False


def _tensors(layer: keras.layers.Layer, name: str) -> list[Any]:
    """The layer's symbolic inputs or outputs; none where it was called more than once."""
    try:
        return keras.tree.flatten(getattr(layer, name))
    except (AttributeError, ValueError):
        return []
