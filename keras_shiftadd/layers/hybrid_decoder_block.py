"""HybridDecoderBlock."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers._token_mixer import ATTENDING_OPERATORS
from keras_shiftadd.layers._transformer_block import TransformerBlock
from keras_shiftadd.layers.hybrid_attention import HybridAttention


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridDecoderBlock(TransformerBlock):
    """Decoder block of a transformer, of causal attention, with convolutions beside it.

    A causal part that mixes tokens, attention to the outputs of an encoder, and a feed-forward
    part, each with a residual connection and a layer normalisation. With two operators joined by
    `+`, each works on one half of the channels.

    Args:
        hidden_units: Integer, size of the hidden layer of the feed-forward part.
        num_heads: Integer, number of heads; it divides the channels, unless there are no
            convolutions and `key_dim` is given.
        operator: What mixes tokens: `"attention"`, or it and a lightweight convolution:
            `"attention+conv"`, `"attention+shift"`, `"attention+adder"` or
            `"attention+shift_adder"`.
        kernel_size: Integer, window of the lightweight convolution.
        projection: `"dense"`, `"shift"` or `"adder"`, for the projections of attention and
            convolution.
        similarity: How attention compares; see `HybridAttention`. `"dot"` or `"laplacian"`.
        feed_forward: `"dense"`, `"shift"` or `"adder"`: a `HybridFeedForward`; `"mixture"`: a
            `MixtureOfPrimitives`.
        experts: Operators of the experts of a mixture.
        expert_latencies: Latencies of the experts of a mixture; see `MixtureOfPrimitives`.
        dropout: Number from 0 to below 1, share of the outputs of each part, and of the hidden
            values, that training drops.
        attention_dropout: Number from 0 to below 1, share of the scores that training drops.
        activation: Activation function of the feed-forward part, or its name.
        normalize_first: Boolean, whether the normalisations come before the parts instead of
            behind the additions.
        layer_norm_epsilon: Number, `epsilon` of the normalisations.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adders.
        key_dim: Integer, size of a head of attention; `None`: the heads share the channels.
        seed: Integer, seed of the dropout.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor `(batch, targets, channels)`.
        encoder_outputs: Tensor `(batch, sources, channels)`. `None` with a cache, which holds
            what of it is needed.
        inputs_mask: Boolean tensor `(batch, targets)`, or `None`.
        encoder_outputs_mask: Boolean tensor `(batch, sources)`, or `None`.
        cache: What earlier calls computed, as `make_cache` or such a call returned it, or
            `None`. With it, the next cache is returned last.
        cache_update_index: Integer or integer tensor, the position of the first of `inputs`.
        return_attention_scores: Boolean, whether the scores of the attention to the encoder are
            returned too.
        training: Boolean, whether values are dropped and statistics of the batch are used.

    Input shape:
        Tensors `(batch, targets, channels)` and `(batch, sources, channels)`.

    Output shape:
        Tensor `(batch, targets, channels)`. With `return_attention_scores=True` also a tensor
        `(batch, heads, targets, sources)`, and with a cache the cache.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x, encoded = keras.random.normal((4, 10, 16)), keras.random.normal((4, 12, 16))
    >>> keras_shiftadd.layers.HybridDecoderBlock(64, 4, projection="shift")(x, encoded).shape
    (4, 10, 16)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 3.
        - [Wang et al., 2020, HAT](https://arxiv.org/abs/2005.14187), for the space of blocks.
    """

    _causal = True
    _operators_allowed = ATTENDING_OPERATORS
    _similarities_allowed = ("dot", "laplacian")

    def build(
        self,
        inputs_shape: tuple[int | None, ...],
        encoder_outputs_shape: tuple[int | None, ...],
    ) -> None:
        """Builds the parts."""
        channels = inputs_shape[-1] or 0
        if self.key_dim is None and channels % self.num_heads:
            raise ValueError(
                "The channels of a block must be a multiple of its heads. "
                f"Received: {channels} channels, num_heads={self.num_heads}."
            )
        self.mixer.build(inputs_shape)
        self.mixer_norm = self._normalization("mixer", inputs_shape)
        self.cross_attention = HybridAttention(
            self.num_heads,
            self.key_dim or channels // self.num_heads,
            **self._attention_arguments(),
            **self._common,
            name="cross_attention",
        )
        self.cross_attention.build(inputs_shape, encoder_outputs_shape)
        self.cross_attention_norm = self._normalization("cross_attention", inputs_shape)
        self._build_feed_forward(inputs_shape)
        self.built = True

    def make_cache(self, encoder_outputs: Any, length: int) -> tuple[Any, Any]:
        """Returns the cache for decoding against the outputs of an encoder.

        Args:
            encoder_outputs: Tensor `(batch, sources, channels)`.
            length: Integer, the largest number of tokens that will be decoded.

        Returns:
            The empty caches of the part that mixes tokens, and keys and values of the encoder's
            outputs.
        """
        own = self.mixer.make_cache(ops.shape(encoder_outputs)[0], length)
        return own, self.cross_attention.cache_of(encoder_outputs)

    def call(
        self,
        inputs: Any,
        encoder_outputs: Any = None,
        inputs_mask: Any = None,
        encoder_outputs_mask: Any = None,
        cache: Any = None,
        cache_update_index: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Applies the block; the scores and the cache come behind the output if there are."""
        own, encoded = (None, None) if cache is None else cache
        x = self.mixer(
            self._before(self.mixer_norm, inputs),
            mask=inputs_mask,
            cache=own,
            cache_update_index=cache_update_index,
            training=training,
        )
        x, own = (x, None) if cache is None else x
        inputs = self._after(self.mixer_norm, inputs, x, training)
        x = self._before(self.cross_attention_norm, inputs)
        x, scores = self.cross_attention(
            x,
            x if cache is not None else encoder_outputs,
            query_mask=inputs_mask,
            value_mask=encoder_outputs_mask,
            cache=encoded,
            return_attention_scores=True,
            training=training,
        )[:2]
        inputs = self._after(self.cross_attention_norm, inputs, x, training)
        results = [self._feed(inputs, inputs_mask, training)]
        if return_attention_scores:
            results.append(scores)
        if cache is not None:
            results.append((own, encoded))
        return results[0] if len(results) == 1 else tuple(results)
