"""Takes attention, feed-forward parts and normalisations over channels apart."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_shiftadd import layers as ours
from keras_shiftadd.export._model import parts

# Adds a call of a layer to the graph: from its inputs to its output.
Add = Callable[[keras.layers.Layer, list[Any]], Any]


def compose(layer: Any, inputs: list[Any], add: Add) -> Any:
    """Adds what a layer is made of.

    Args:
        layer: A layer of `known_layers.COMPOSED`.
        inputs: What it reads.
        add: Adds a call of a layer.

    Returns:
        What it makes.
    """
    if isinstance(layer, ours.HybridEncoderBlock):
        return _block(layer, inputs[0], add)
    if isinstance(layer, ours.HybridAttention):
        query, value, *key = inputs
        return _attention(layer, query, value, key[0] if key else value, add)
    if isinstance(layer, ours.HybridFeedForward):
        return _feed_forward(layer, inputs[0], add)
    return _normalize(layer, inputs[0], add)


def _block(layer: Any, x: Any, add: Add) -> Any:
    def residual(x: Any, norm: Any, name: str, part: Callable[[Any], Any]) -> Any:
        y = part(_normalize(norm, x, add)) if layer.normalize_first else part(x)
        total = add(keras.layers.Add(name=f"{layer.name}_{name}_add"), [x, y])
        return total if layer.normalize_first else _normalize(norm, total, add)

    attention = layer.mixer.attention
    x = residual(x, layer.mixer_norm, "mixer", lambda y: _attention(attention, y, y, y, add))
    feed = layer.feed_forward_layer
    return residual(
        x, layer.feed_forward_norm, "feed_forward", lambda y: _feed_forward(feed, y, add)
    )


def _attention(layer: Any, query: Any, value: Any, key: Any, add: Add) -> Any:
    def projected(place: str, x: Any) -> Any:
        x = add(getattr(layer, f"{place}_dense"), [x])
        normalization = getattr(layer, f"{place}_normalization")
        return x if normalization is None else add(normalization, [x])

    def heads(place: str, x: Any) -> Any:
        split = parts.SplitHeads(layer.num_heads, name=f"{place}_heads")
        return add(split, [projected(place, x)])

    queries, keys, values = heads("query", query), heads("key", key), heads("value", value)
    compare = parts.HeadsMatMul(layer.similarity, name="scores")
    # As .tflite files hold it.
    beta = float(np.float32(1.0 / (layer.similarity_scale or layer.key_dim**0.5)))
    scores = add(compare, [queries, keys])
    scores = add(parts.ScaledSoftmax(beta, name="softmax"), [scores])
    mixed = add(parts.HeadsMatMul(None, name="mixed"), [scores, values])
    return projected("output", add(parts.JoinHeads(name="joined"), [mixed]))


def _feed_forward(layer: Any, x: Any, add: Add) -> Any:
    def projected(projection: Any, x: Any) -> Any:
        x = add(projection.dense, [x])
        return x if projection.normalization is None else add(projection.normalization, [x])

    x = projected(layer.hidden, x)
    x = add(keras.layers.Activation(layer.activation, name=f"{layer.name}_activation"), [x])
    return projected(layer.output_projection, x)


def _normalize(layer: Any, x: Any, add: Add) -> Any:
    """A mean, a difference, a mean of squares, a reciprocal root, a product."""
    name = layer.name
    channels = int(x.shape[-1])

    def over_channels(x: Any, what: str) -> Any:
        mean = keras.layers.Dense(1, use_bias=False, name=f"{name}_{what}")
        mean.build((None, channels))
        mean.kernel.assign(np.full((channels, 1), 1.0 / channels, "float32"))
        return add(mean, [x])

    def repeated(x: Any, what: str) -> Any:
        return add(parts.RepeatChannel(channels, name=f"{name}_{what}_repeated"), [x])

    mean = repeated(over_channels(x, "mean"), "mean")
    centred = add(keras.layers.Subtract(name=f"{name}_centred"), [x, mean])
    squares = add(keras.layers.Multiply(name=f"{name}_squares"), [centred, centred])
    variance = over_channels(squares, "variance")
    root = add(parts.ReciprocalRoot(layer.epsilon, name=f"{name}_root"), [variance])
    y = add(keras.layers.Multiply(name=f"{name}_normalized"), [centred, repeated(root, "root")])
    gain, offset = np.ones(channels), np.zeros(channels)
    if layer.scale:
        gain = np.asarray(keras.ops.convert_to_numpy(layer.gamma), np.float64)
    if layer.center:
        offset = np.asarray(keras.ops.convert_to_numpy(layer.beta), np.float64)
    return add(keras.layers.Rescaling(gain, offset, name=name), [y])


def check_composed(layer: Any) -> str | None:
    """Why a layer cannot be taken apart, or None."""
    if isinstance(layer, keras.layers.LayerNormalization):
        if getattr(layer, "rms_scaling", False):
            return "rms_scaling=True is not supported"
        axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
        one = isinstance(layer.axis, int) or len(layer.axis) == 1
        # A built layer counts its axis from the front.
        return None if one and axis in (-1, 2) else f"its axis must be the last. Received: {axis}"
    if isinstance(layer, ours.HybridEncoderBlock):
        if layer.operator != "attention":
            return f"its operator must be 'attention'. Received: operator={layer.operator!r}"
        if layer.feed_forward == "mixture":
            return "its feed_forward must not be a mixture, whose router chooses by its input"
        return check_composed(layer.mixer.attention)
    if isinstance(layer, ours.HybridAttention):
        if layer.similarity == "binary_linear":
            return "its similarity must be 'dot' or 'laplacian'. Received: 'binary_linear'"
        if layer.use_gate:
            return "use_gate=True is not supported"
        if layer.sliding_window is not None:
            return f"sliding_window={layer.sliding_window} is not supported"
        if layer.attention_axes not in (None, (1,)) or len(layer._output_axes or (1,)) != 1:
            return "it must go along one axis of tokens and return vectors of channels"
    return None
