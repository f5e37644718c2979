"""HybridEncoderBlock."""

from typing import Any

import keras

from keras_shiftadd.layers._similarities import SIMILARITIES
from keras_shiftadd.layers._token_mixer import BLOCK_OPERATORS
from keras_shiftadd.layers._transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridEncoderBlock(TransformerBlock):
    """Encoder block of a transformer, of attention, lightweight convolutions, or both.

    A part that mixes tokens and a feed-forward part, each with a residual connection and a layer
    normalisation. With two operators joined by `+`, each works on one half of the channels.

    Args:
        hidden_units: Integer, size of the hidden layer of the feed-forward part.
        num_heads: Integer, number of heads; it divides the channels, unless there are no
            convolutions and `key_dim` is given.
        operator: What mixes tokens: `"attention"`, or a lightweight convolution, `"conv"`,
            `"shift"`, `"adder"` or `"shift_adder"`, or both, such as `"attention+shift"`.
        kernel_size: Integer, window of the lightweight convolution.
        projection: `"dense"`, `"shift"` or `"adder"`, for the projections of attention and
            convolution.
        similarity: How attention compares; see `HybridAttention`.
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
        inputs: Tensor `(batch, tokens, channels)`.
        mask: Boolean tensor `(batch, tokens)`, or `None`.
        attention_mask: Mask of pairs; see `HybridAttention`.
        return_attention_scores: Boolean, whether the scores are returned too.
        training: Boolean, whether values are dropped and statistics of the batch are used.

    Input shape:
        Tensor `(batch, tokens, channels)`.

    Output shape:
        Tensor of the same shape. With `return_attention_scores=True` also the scores.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> block = keras_shiftadd.layers.HybridEncoderBlock(64, 4, operator="attention+shift")
    >>> block(x).shape
    (4, 10, 16)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 3.
        - [Wang et al., 2020, HAT](https://arxiv.org/abs/2005.14187), for the space of blocks.
        - [Wu et al., 2020, Lite Transformer](https://arxiv.org/abs/2004.11886), for halves of the
        channels.
    """

    _operators_allowed = BLOCK_OPERATORS
    _similarities_allowed = SIMILARITIES

    def build(self, inputs_shape: tuple[int | None, ...]) -> None:
        """Builds the parts."""
        self.mixer.build(inputs_shape)
        self.mixer_norm = self._normalization("mixer", inputs_shape)
        self._build_feed_forward(inputs_shape)
        self.built = True

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Applies the block, and returns the output, or the output and the scores."""
        if return_attention_scores and self.mixer.attention is None:
            raise ValueError(
                f"Only attention has scores. Received: return_attention_scores=True with operator="
                f"{self.operator!r}."
            )
        x = self.mixer(
            self._before(self.mixer_norm, inputs),
            mask=mask,
            attention_mask=attention_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        x, scores = x if return_attention_scores else (x, None)
        inputs = self._after(self.mixer_norm, inputs, x, training)
        outputs = self._feed(inputs, mask, training)
        return (outputs, scores) if return_attention_scores else outputs
