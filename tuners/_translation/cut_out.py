"""A network of a supernet of transformers as a network of its own."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._translation.architecture import SIDES
from keras_shiftadd.tuners._translation.blocks import SharedAttention, SharedBlock
from keras_shiftadd.tuners._translation.convolution import SharedConvolution
from keras_shiftadd.tuners._translation.weights import Weights

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_supernet import TranslationSupernet


def cut_out(supernet: "TranslationSupernet", architecture: Architecture) -> keras.Model:
    """A plain network with copies of the weights of a network of a supernet.

    The supernet's statistics must be those of this architecture.
    """
    model = supernet.space.build(architecture)
    size = architecture["embedding_dim"]
    model.source_embedding.embeddings.assign(_copy(supernet.source_embedding)[:, :size])
    if model.target_embedding is not model.source_embedding:
        model.target_embedding.embeddings.assign(_copy(supernet.target_embedding)[:, :size])
    statistics, start = supernet.statistics(), 0
    for side in SIDES:
        norm = getattr(model, f"{side}_norm")
        if norm is not None:
            _norm(norm, supernet.last_norms[side], size)
        targets = getattr(model, f"{side}_blocks")
        for j, shared in enumerate(getattr(supernet, f"{side}_blocks")):
            part = statistics[:, start : start + shared.statistics_size]
            start += shared.statistics_size
            if j < len(targets):
                _block(targets[j], shared, architecture[side][j], size, part)
    return model


def _block(
    target: Any, shared: SharedBlock, choice: dict[str, Any], size: int, statistics: np.ndarray
) -> None:
    for name in shared.norms:
        _norm(getattr(target, name), shared.norm(name), size)
    feed = target.feed_forward_layer
    units = choice["hidden_units"]
    _linear(feed.hidden.dense, shared, "hidden", size, units)
    _linear(feed.output_projection.dense, shared, "output", units, size)
    parts = choice["operator"].split("+")
    part_size, heads = size // len(parts), max(1, choice["num_heads"] // len(parts))
    if shared.cross_attention is not None:
        _attention(target.cross_attention, shared.cross_attention, choice["num_heads"], size)
    if "attention" in parts:
        assert shared.attention is not None
        _attention(target.mixer.attention, shared.attention, heads, part_size)
    if parts[-1] != "attention":
        assert shared.convolution is not None
        layer = target.mixer.convolution
        _convolution(layer, shared.convolution, parts[-1], heads, part_size, statistics)


def _attention(target: Any, shared: SharedAttention, heads: int, size: int) -> None:
    inner = heads * shared.key_dim
    for place in ("query", "key", "value"):
        _linear(getattr(target, f"{place}_dense"), shared, place, size, inner)
    _linear(target.output_dense, shared, "output", inner, size)


def _convolution(
    target: Any,
    shared: SharedConvolution,
    kind: str,
    heads: int,
    size: int,
    statistics: np.ndarray,
) -> None:
    joined = target.input_projection.dense
    value, gate = shared.linear("value"), shared.linear("gate")
    kernels = [_copy(kernel)[:size, :size] for kernel, _ in (value, gate)]
    joined.kernel.assign(np.concatenate(kernels, axis=1))
    joined.bias.assign(np.concatenate([_copy(bias)[:size] for _, bias in (value, gate)]))
    _linear(target.output_projection.dense, shared, "output", size, size)
    depthwise = target.depthwise
    for stage, kernel in zip(depthwise.stages, depthwise.kernels, strict=True):
        source = shared.adder_kernel if stage == "adder" else shared.kernel
        kernel.assign(_copy(source)[:, :heads])
    if depthwise.normalization is not None:
        norm = depthwise.normalization
        _norm(norm, shared.norm(kind), size)
        norm.moving_mean.assign(statistics[0, :size])
        norm.moving_variance.assign(statistics[1, :size])


def _linear(target: Any, shared: Weights, name: str, inputs: int, outputs: int) -> None:
    kernel, bias = shared.linear(name)
    target.kernel.assign(_copy(kernel)[:inputs, :outputs])
    target.bias.assign(_copy(bias)[:outputs])


def _norm(target: Any, source: tuple[Any, Any], size: int) -> None:
    gamma, beta = source
    target.gamma.assign(_copy(gamma)[:size])
    target.beta.assign(_copy(beta)[:size])


def _copy(value: Any) -> np.ndarray:
    """The values in memory of their own: JAX hands the buffers of a trained model on."""
    return np.array(ops.convert_to_numpy(value))
