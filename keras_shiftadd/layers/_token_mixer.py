"""The part of a block that mixes tokens: attention, a lightweight convolution, or both."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._lightweight_kernel import LIGHTWEIGHT_OPERATORS
from keras_shiftadd.layers.hybrid_attention import HybridAttention
from keras_shiftadd.layers.hybrid_lightweight_conv1d import HybridLightweightConv1D

ATTENDING_OPERATORS = ("attention", *(f"attention+{name}" for name in LIGHTWEIGHT_OPERATORS))
BLOCK_OPERATORS = (*LIGHTWEIGHT_OPERATORS, *ATTENDING_OPERATORS)


class TokenMixer(keras.layers.Layer):
    """Self-attention, a lightweight convolution, or each on one half of the channels.

    Args:
        operator: One of `BLOCK_OPERATORS`.
        num_heads: Integer, heads of all channels; with both parts each has half of them.
        kernel_size: Integer, window of the convolution.
        causal: Boolean, whether a token sees those up to its own position only.
        key_dim: Integer, size of a head of attention; `None`: the heads share the channels.
        attention: Further arguments of `HybridAttention`.
        convolution: Further arguments of `HybridLightweightConv1D`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        operator: str,
        num_heads: int,
        kernel_size: int,
        causal: bool,
        key_dim: int | None,
        attention: dict[str, Any],
        convolution: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.parts = operator.split("+")
        self.num_heads = num_heads
        self.kernel_size = kernel_size
        self.causal = causal
        self.key_dim = key_dim
        self.arguments = {"attention": attention, "convolution": convolution}
        self.attention: Any = None
        self.convolution: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the parts, whose sizes depend on that of the input."""
        channels = _arguments.channels(input_shape, -1, self.name)
        count = len(self.parts)
        size, heads = channels // count, max(1, self.num_heads // count)
        shared_channels = self.key_dim is None or self.parts[-1] != "attention"
        if channels % count or (shared_channels and size % heads):
            raise ValueError(
                "The channels of a block must be a multiple of its heads, and even where they are "
                f"halved. Received: {channels} channels, num_heads={self.num_heads}."
            )
        inner = (*input_shape[:-1], size)
        shared = {"trainable": self.trainable, "dtype": self.dtype_policy}
        if "attention" in self.parts:
            self.attention = HybridAttention(
                heads,
                self.key_dim or size // heads,
                **self.arguments["attention"],
                **shared,
                name="attention",
            )
            self.attention.build(inner, inner)
        if self.parts[-1] != "attention":
            self.convolution = HybridLightweightConv1D(
                self.kernel_size,
                heads,
                padding="causal" if self.causal else "same",
                operator=self.parts[-1],
                **self.arguments["convolution"],
                **shared,
                name="convolution",
            )
            self.convolution.build(inner)
        self.size = size
        self.built = True

    def make_cache(self, batch_size: int, length: int) -> tuple[Any, ...]:
        """Returns the empty caches of the parts."""
        caches: list[Any] = []
        if self.attention is not None:
            caches.append(self.attention.make_cache(batch_size, length))
        if self.convolution is not None:
            caches.append(self.convolution.make_cache(batch_size, self.size))
        return tuple(caches)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        attention_mask: Any = None,
        cache: Any = None,
        cache_update_index: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Returns the mixed tokens, then the scores and the caches if there are."""
        parts = [inputs] if len(self.parts) == 1 else ops.split(inputs, 2, axis=-1)
        outputs: list[Any] = []
        caches: list[Any] = []
        scores = None
        if self.attention is not None:
            calls: dict[str, Any] = {}
            if mask is not None:
                calls.update(query_mask=mask, value_mask=mask)
            if attention_mask is not None:
                calls["attention_mask"] = attention_mask
            if cache is not None:
                calls.update(cache=cache[0], cache_update_index=cache_update_index)
            if self.causal:
                calls["use_causal_mask"] = True
            if return_attention_scores:
                calls["return_attention_scores"] = True
            result = self.attention(parts[0], parts[0], training=training, **calls)
            result = list(result) if isinstance(result, tuple) else [result]
            outputs.append(result.pop(0))
            scores = result.pop(0) if return_attention_scores else None
            caches += result
        if self.convolution is not None:
            if cache is None:
                y = self.convolution(parts[-1], mask=mask, training=training)
            else:
                y, kept = self.convolution(parts[-1], cache=cache[-1], training=training)
                caches.append(kept)
            outputs.append(y)
        results = [outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=-1)]
        if return_attention_scores:
            results.append(scores)
        if cache is not None:
            results.append(tuple(caches))
        return results[0] if len(results) == 1 else tuple(results)
