"""reparameterize."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd import layers
from keras_shiftadd._model_graph import has_graph
from keras_shiftadd.layers._projections import projections
from keras_shiftadd.layers._similarities import SIMILARITIES
from keras_shiftadd.models._carry_weights import carry_weights
from keras_shiftadd.models.hybrid_transformer import HybridTransformer

_PROJECTIONS = ("shift",)
_FEED_FORWARDS = ("shift", "mixture")
_BLOCKS = (layers.HybridEncoderBlock, layers.HybridDecoderBlock)


def reparameterize(
    model: keras.Model,
    similarity: str | None = None,
    projection: str | None = None,
    feed_forward: str | None = None,
    dense_layers: Sequence[str] = (),
    weight_bits: int = 5,
    **kwargs: Any,
) -> keras.Model:
    """Replaces parts of a trained transformer by ones without products, weights carried over.

    The way of ShiftAddViT from a trained dense model: a call for each stage, and fine-tuning after
    each. First attention, `similarity="binary_linear"` or `"laplacian"`; then what is linear,
    `projection="shift"` and `feed_forward="shift"`, or `"mixture"` with a router between a
    multiplying and a shifting expert. Each part that is not named stays as it is.

    Replaced are the layers `HybridAttention`, `HybridFeedForward`, `HybridEncoderBlock` and
    `HybridDecoderBlock`, and `keras.layers.MultiHeadAttention`, which becomes a
    `HybridAttention` in every case. Shift layers round the carried weights in each call. Experts
    of a mixture begin as copies of the feed-forward part, and the router gives each the same
    share, so that the mixture begins with the outputs of the part (with those of its shift form
    where the first expert shifts). What a similarity has besides, such as the depthwise
    convolution of `"binary_linear"`, begins with new weights.

    Args:
        model: A built Functional model, such as a `HybridViT`, or a `HybridTransformer`. It is not
            changed.
        similarity: How attention compares; see `HybridAttention`. Attention to the outputs of an
            encoder and causal blocks, which `"binary_linear"` cannot serve, keep what they have.
        projection: `"shift"`, for the projections of attention and of convolutions beside it.
        feed_forward: `"shift"` or `"mixture"`. Mixtures are for blocks.
        dense_layers: Names of `keras.layers.Dense` layers of the model, each of which becomes a
            `ShiftDense`, such as those of an MLP between `MultiHeadAttention` layers.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        **kwargs: Further arguments of the `HybridAttention` layers that stand alone
            in the model, such as `similarity_scale`.

    Returns:
        A new model, not compiled, with the names of the layers of the old one.

    Raises:
        ValueError: If an argument is out of its range, the model has nothing to replace, or is
            neither functional nor built.

    Example:

    >>> model = keras_shiftadd.models.HybridViT(
    ...     (32, 32, 3), 10, ("attention",) * 2, patch_size=8, embedding_dim=32, num_heads=4
    ... )
    >>> first = keras_shiftadd.models.reparameterize(model, similarity="binary_linear")
    >>> # compile and fit, then
    >>> second = keras_shiftadd.models.reparameterize(
    ...     first, projection="shift", feed_forward="mixture"
    ... )
    >>> second.output_shape
    (None, 10)

    Reference:
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), section 4.
    """
    for name, value, allowed in (
        ("similarity", similarity, SIMILARITIES),
        ("projection", projection, _PROJECTIONS),
        ("feed_forward", feed_forward, _FEED_FORWARDS),
    ):
        if value is not None and value not in allowed:
            raise ValueError(
                f"`{name}` must be None or one of {allowed}: weights of products are of no use to "
                f"others. Received: {name}={value!r}."
            )
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            f"`model` must be a built keras.Model. Received: {model!r}. Call it on data once."
        )
    change = _Change(similarity, projection, feed_forward, weight_bits, kwargs)
    if isinstance(model, HybridTransformer):
        return _transformer(model, change, dense_layers)
    return _functional(model, change, dense_layers)


class _Change:
    """What becomes of layers."""

    def __init__(
        self,
        similarity: str | None,
        projection: str | None,
        feed_forward: str | None,
        weight_bits: int,
        attention_arguments: dict[str, Any],
    ) -> None:
        self.similarity = similarity
        self.projection = projection
        self.feed_forward = feed_forward
        self.weight_bits = weight_bits
        self.attention_arguments = attention_arguments

    def attention(self, layer: Any) -> dict[str, Any]:
        """The arguments of attention that stands alone."""
        config = layer.get_config()
        if isinstance(layer, keras.layers.MultiHeadAttention):
            names = layers.HybridAttention(1, 1).get_config()
            config = {k: v for k, v in config.items() if k in names}
        if self.similarity is not None:
            config["similarity"] = self.similarity
        if self.projection is not None:
            kept = projections(config.get("projection", "dense"))
            changed = {k: self.projection if v == "dense" else v for k, v in kept.items()}
            config.update(projection=changed, weight_bits=self.weight_bits)
        return {**config, **self.attention_arguments}

    def feed(self, layer: Any) -> dict[str, Any]:
        """The arguments of a feed-forward part that stands alone."""
        config = layer.get_config()
        if self.feed_forward == "mixture":
            raise ValueError(
                "feed_forward='mixture' is for blocks. "
                f"Received: a HybridFeedForward, '{layer.name}', that stands alone."
            )
        if self.feed_forward is not None:
            config.update(projection=self.feed_forward, weight_bits=self.weight_bits)
        return config

    def block(self, config: dict[str, Any], encoder: bool) -> dict[str, Any]:
        """The arguments of a block."""
        config = dict(config)
        if self.similarity is not None and (encoder or self.similarity != "binary_linear"):
            config["similarity"] = self.similarity
        if self.projection is not None and config["projection"] == "dense":
            config.update(projection=self.projection, weight_bits=self.weight_bits)
        if self.feed_forward is not None and config["feed_forward"] == "dense":
            config.update(feed_forward=self.feed_forward, weight_bits=self.weight_bits)
        return config


def _functional(model: keras.Model, change: _Change, dense_layers: Sequence[str]) -> keras.Model:
    if not has_graph(model):
        raise ValueError(
            "`model` must be a Functional or Sequential model, which says how its layers are "
            f"connected. Received: {type(model).__name__} '{model.name}'."
        )
    wanted = set(dense_layers)
    replaced: set[str] = set()

    def make(layer: Any) -> Any:
        kind, config = type(layer), None
        if isinstance(layer, layers.HybridAttention | keras.layers.MultiHeadAttention):
            kind, config = layers.HybridAttention, change.attention(layer)
        elif isinstance(layer, layers.HybridFeedForward):
            config = change.feed(layer)
        elif isinstance(layer, _BLOCKS):
            encoder = isinstance(layer, layers.HybridEncoderBlock)
            config = change.block(layer.get_config(), encoder)
        elif layer.name in wanted:
            if type(layer) is not keras.layers.Dense:
                raise ValueError(
                    "`dense_layers` must name keras.layers.Dense layers. "
                    f"Received: '{layer.name}', a {type(layer).__name__}."
                )
            kind, config = layers.ShiftDense, _shift_config(layer, change.weight_bits)
        if config is None:
            return type(layer).from_config(layer.get_config())
        replaced.add(layer.name)
        return kind.from_config(config)

    result = keras.models.clone_model(model, clone_function=make, recursive=True)
    if wanted - replaced:
        raise ValueError(
            f"`dense_layers` must name layers of the model. Received: {sorted(wanted - replaced)}."
        )
    if not replaced:
        raise ValueError(
            "`model` must have attention, a feed-forward part or a block to replace. Received: "
            f"'{model.name}' with none of HybridAttention, MultiHeadAttention, HybridFeedForward, "
            "HybridEncoderBlock and HybridDecoderBlock."
        )
    carry_weights(model, result)
    return result


def _shift_config(layer: Any, weight_bits: int) -> dict[str, Any]:
    names = layers.ShiftDense(1).get_config()
    config = {key: value for key, value in layer.get_config().items() if key in names}
    return {**config, "form": "quantized", "weight_bits": weight_bits}


def _transformer(
    model: HybridTransformer, change: _Change, dense_layers: Sequence[str]
) -> HybridTransformer:
    if dense_layers or change.attention_arguments:
        raise ValueError(
            "A HybridTransformer has no Dense layers and no attention of its own outside of its "
            f"blocks. Received: dense_layers={tuple(dense_layers)}, "
            f"{change.attention_arguments or 'no further arguments'}."
        )
    config = model.get_config()
    blocks = [
        change.block({k: getattr(block, k) for k in ("projection", "feed_forward")}, True)
        for block in (*model.encoder_blocks, *model.decoder_blocks)
    ]
    config["projection"] = tuple(block["projection"] for block in blocks)
    config["feed_forward"] = tuple(block["feed_forward"] for block in blocks)
    if change.similarity == "binary_linear":
        config["encoder_similarity"] = change.similarity
    elif change.similarity is not None:
        config.update(similarity=change.similarity, encoder_similarity=None)
    if change.projection is not None or change.feed_forward is not None:
        config["weight_bits"] = change.weight_bits
    result = type(model).from_config(config)
    carry_weights(model, result)
    return result
