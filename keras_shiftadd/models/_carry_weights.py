"""Weights of layers carried over to layers of another operator at the same place."""

import types
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd import layers
from keras_shiftadd.layers._projection import Projection
from keras_shiftadd.layers._transformer_block import TransformerBlock

_PLACES = ("gate", "query", "key", "value", "output")


def carry_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies the weights of all layers to those of the same name.

    Args:
        source: A model.
        target: One whose layers are the same, or were replaced by `reparameterize`.
    """
    for layer in source.layers:
        if not layer.weights:
            continue
        other = target.get_layer(layer.name)
        if isinstance(layer, keras.Model):
            carry_weights(layer, other)
        else:
            _layer(layer, other)


def _layer(source: Any, target: Any) -> None:
    if type(source) is type(target) and source.get_config() == target.get_config():
        target.set_weights(source.get_weights())
    elif isinstance(target, TransformerBlock):
        _block(source, target)
    elif isinstance(target, layers.HybridAttention):
        _attention(source, target)
    elif isinstance(target, layers.HybridFeedForward):
        _feed_forward(source, target)
    else:
        _linear(source, target)


def _block(source: Any, target: Any) -> None:
    norms = ("mixer_norm", "cross_attention_norm", "feed_forward_norm")
    for name in norms:
        if hasattr(source, name):
            getattr(target, name).set_weights(getattr(source, name).get_weights())
    if source.mixer.attention is not None:
        _attention(source.mixer.attention, target.mixer.attention)
    if source.mixer.convolution is not None:
        before, after = source.mixer.convolution, target.mixer.convolution
        for name in ("input_projection", "output_projection"):
            _projection(getattr(before, name), getattr(after, name))
        after.depthwise.set_weights(before.depthwise.get_weights())
    if hasattr(source, "cross_attention"):
        _attention(source.cross_attention, target.cross_attention)
    before, after = source.feed_forward_layer, target.feed_forward_layer
    if type(before) is type(after) and isinstance(before, layers.MixtureOfPrimitives):
        after.set_weights(before.get_weights())
    elif isinstance(after, layers.MixtureOfPrimitives):
        _mixture(before, after)
    else:
        _feed_forward(before, after)


def _mixture(source: Any, target: Any) -> None:
    """Experts that begin as the feed-forward part, with equal shares of the router.

    The share of a chosen expert is a factor of its outputs, which the last layer makes up for.
    """
    count = len(target.expert_layers)
    target.router.kernel.assign(np.zeros(target.router.kernel.shape))
    for expert in target.expert_layers:
        _feed_forward(source, expert)
        last = expert.output_projection.dense
        for weight in last.weights:
            weight.assign(count * _numpy(weight))


def _feed_forward(source: Any, target: Any) -> None:
    _projection(source.hidden, target.hidden)
    _projection(source.output_projection, target.output_projection)


def _projection(source: Projection, target: Projection) -> None:
    _linear(source.dense, target.dense)
    if source.normalization is not None and target.normalization is not None:
        target.normalization.set_weights(source.normalization.get_weights())


def _attention(source: Any, target: Any) -> None:
    for place in _PLACES:
        after = getattr(target, f"{place}_dense")
        if after is None:
            continue
        before = getattr(source, f"{place}_dense", None)
        if place == "gate" and before is None:
            before = _keras_gate(source)
        # Binary codes have no projection of keys.
        _linear(source.query_dense if before is None else before, after)
        name = f"{place}_normalization"
        if getattr(source, name, None) is not None and getattr(target, name) is not None:
            getattr(target, name).set_weights(getattr(source, name).get_weights())
    similarity = getattr(source, "similarity", "dot")
    if similarity == "binary_linear" and target.similarity == similarity:
        target._mixer.set_weights(source._mixer.get_weights())


def _keras_gate(layer: Any) -> Any:
    """The kernel and the bias of the gate of Keras' attention, which has no name for it."""
    found = {w.path.rsplit("/", 1)[-1]: w for w in layer.weights if "/gate/" in w.path}
    return types.SimpleNamespace(kernel=found["kernel"], bias=found.get("bias"))


def _linear(source: Any, target: Any) -> None:
    """A kernel and a bias; those of Keras' attention have an axis of heads."""
    if type(source) is type(target):
        target.set_weights(source.get_weights())
        return
    target.kernel.assign(np.reshape(_numpy(source.kernel), target.kernel.shape))
    if target.bias is not None:
        target.bias.assign(np.reshape(_numpy(source.bias), target.bias.shape))


def _numpy(value: Any) -> np.ndarray:
    """The values in memory of their own."""
    return np.array(ops.convert_to_numpy(value))
