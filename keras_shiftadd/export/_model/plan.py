"""Groups nodes into steps: a layer with the normalisation and activation that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._model.known_layers import (
    AFFINE,
    ARITHMETIC,
    KERNEL,
    activation_name,
)


@dataclass
class Affine:
    """`gain * x + offset`, a number for each channel of the last axis."""

    gain: np.ndarray
    offset: np.ndarray


@dataclass
class Step:
    """What is written at once.

    Args:
        node: The node of the layer itself.
        affine: The normalisation merged into it.
        activation: "linear", "relu" or "relu6".
        output: The last of the merged nodes.
    """

    node: Node
    affine: Affine | None
    activation: str
    output: Node


def plan(nodes: Sequence[Node]) -> list[Step]:
    """Lists the steps of a model in order of execution.

    Raises:
        UnsupportedLayerError: If a normalisation runs over another axis than the last.
    """
    steps: list[Step] = []
    merged: set[int] = set()
    for node in nodes[1:]:
        if id(node) in merged:
            continue
        step = Step(node, None, "linear", node)
        if isinstance(node.layer, AFFINE):
            step.affine = affine_of(node)
        follower = _only_user(step.output)
        if isinstance(node.layer, KERNEL) and follower and isinstance(follower.layer, AFFINE):
            step.affine, step.output = affine_of(follower), follower
            merged.add(id(follower))
            follower = _only_user(follower)
        if isinstance(node.layer, (*KERNEL, *AFFINE, *ARITHMETIC)) and follower:
            activation = _fusible_activation(follower.layer)
            if activation is not None:
                step.activation, step.output = activation, follower
                merged.add(id(follower))
        steps.append(step)
    return steps


def affine_of(node: Node) -> Affine:
    """The gain and the offset of a normalising layer."""
    layer: Any = node.layer
    channels = node.shape[-1]
    if isinstance(layer, keras.layers.Rescaling):
        gain, offset = np.asarray(layer.scale), np.asarray(layer.offset)
        if max(gain.ndim, offset.ndim) > 1:
            raise UnsupportedLayerError(
                "A Rescaling layer must have a scale and an offset that are numbers, or vectors "
                f"over the last axis. Received: layer '{layer.name}' with shapes {gain.shape} "
                f"and {offset.shape}."
            )
    elif isinstance(layer, keras.layers.BatchNormalization):
        _check_axis(layer, layer.axis, len(node.shape))
        gain = 1.0 / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
        if layer.scale:
            gain = gain * _array(layer.gamma)
        offset = -_array(layer.moving_mean) * gain
        if layer.center:
            offset = offset + _array(layer.beta)
    else:
        mean, variance = _normalization_statistics(layer, node)
        gain = 1.0 / np.maximum(np.sqrt(variance), keras.config.epsilon())
        offset = -mean * gain
    return Affine(
        np.broadcast_to(np.asarray(gain, np.float64), (channels,)).copy(),
        np.broadcast_to(np.asarray(offset, np.float64), (channels,)).copy(),
    )


def _normalization_statistics(layer: Any, node: Node) -> tuple[np.ndarray, np.ndarray]:
    if len(layer.axis) > 1:
        raise UnsupportedLayerError(
            "A Normalization layer must run over the last axis or over none. "
            f"Received: layer '{layer.name}' with axis={layer.axis}."
        )
    for axis in layer.axis:
        _check_axis(layer, axis, len(node.shape))
    return np.ravel(_array(layer.mean)), np.ravel(_array(layer.variance))


def _check_axis(layer: Any, axis: int, rank: int) -> None:
    if axis not in (-1, rank):
        raise UnsupportedLayerError(
            f"The axis of layer '{layer.name}' ({type(layer).__name__}) must be the last one. "
            f"Received: axis={axis} for an input of rank {rank + 1}."
        )


def _array(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value), np.float64)


def _only_user(node: Node) -> Node | None:
    """The node's user, where it has exactly one, which takes it once."""
    if len(node.users) == 1:
        return node.users[0]
    return None


def _fusible_activation(layer: Any) -> str | None:
    if isinstance(layer, keras.layers.Activation):
        name = activation_name(layer)
        return name if name in ("relu", "relu6") else None
    if isinstance(layer, keras.layers.ReLU) and not layer.negative_slope:
        if layer.max_value is None:
            return "relu"
        # Other limits are kept by the range of the int8 numbers.
        return "relu6" if layer.max_value == 6 else "relu"
    return None
