"""BatchNormalization statistics of a trained network, estimated anew."""

from typing import Any

import keras


def reestimate_batch_statistics(model: keras.Model, x: Any) -> None:
    """Sets the statistics of all BatchNormalization layers to those of a batch.

    Args:
        model: a built model without dropout or other layers that act in training only.
        x: array of inputs, some hundred of them; one batch.
    """
    layers = _normalizations(model)
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        model(x, training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _normalizations(model: keras.Model) -> list[Any]:
    found: list[Any] = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _normalizations(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            found.append(layer)
    return found
