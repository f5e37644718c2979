"""What encoder and decoder blocks share: arguments, residual connections, feed-forward part."""

from typing import Any

import keras

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.layers._projections import PROJECTIONS
from keras_shiftadd.layers._token_mixer import TokenMixer
from keras_shiftadd.layers.hybrid_feed_forward import HybridFeedForward
from keras_shiftadd.layers.mixture_of_primitives import MixtureOfPrimitives
from keras_shiftadd.ops import _numbers

FEED_FORWARDS = (*PROJECTIONS, "mixture")


class TransformerBlock(keras.layers.Layer):
    """Base of the blocks. The arguments are those of `HybridEncoderBlock`."""

    normalizes_itself = True
    _causal = False
    _operators_allowed: tuple[str, ...] = ()
    _similarities_allowed: tuple[str, ...] = ()

    def __init__(
        self,
        hidden_units: int,
        num_heads: int,
        operator: str = "attention",
        kernel_size: int = 7,
        projection: str = "dense",
        similarity: str = "dot",
        feed_forward: str = "dense",
        experts: tuple[str, ...] = ("dense", "shift"),
        expert_latencies: tuple[float, ...] | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation: Any = "relu",
        normalize_first: bool = False,
        layer_norm_epsilon: float = 1e-5,
        weight_bits: int = 5,
        normalization_momentum: float = 0.99,
        key_dim: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.hidden_units = _numbers.positive(hidden_units, "hidden_units")
        self.num_heads = _numbers.positive(num_heads, "num_heads")
        self.key_dim = None if key_dim is None else _numbers.positive(key_dim, "key_dim")
        self.operator = _arguments.one_of(operator, self._operators_allowed, "operator")
        self.kernel_size = _numbers.positive(kernel_size, "kernel_size")
        self.projection = _arguments.one_of(projection, PROJECTIONS, "projection")
        self.similarity = _arguments.one_of(similarity, self._similarities_allowed, "similarity")
        self.feed_forward = _arguments.one_of(feed_forward, FEED_FORWARDS, "feed_forward")
        self.experts = tuple(experts)
        self.expert_latencies = expert_latencies
        self.dropout = _numbers.fraction(dropout, "dropout")
        self.attention_dropout = _numbers.fraction(attention_dropout, "attention_dropout")
        self.activation = keras.activations.get(activation)
        self.normalize_first = normalize_first
        self.layer_norm_epsilon = layer_norm_epsilon
        self.seed = seed
        arguments = OperatorArguments(
            "quantized", weight_bits, 0, "full_precision", 0.2, normalization_momentum
        )
        self.weight_bits = weight_bits
        self.normalization_momentum = arguments.normalization_momentum
        self._common = {"trainable": self.trainable, "dtype": self.dtype_policy}
        self.mixer = TokenMixer(
            operator,
            num_heads,
            kernel_size,
            self._causal,
            self.key_dim,
            attention=self._attention_arguments(),
            convolution={"projection": projection, **self._bits()},
            name="mixer",
            **self._common,
        )
        self.feed_forward_layer = self._feed_forward()
        self._dropout = keras.layers.Dropout(
            self.dropout, seed=seed, dtype=self.dtype_policy, name="dropout"
        )

    def _bits(self) -> dict[str, Any]:
        return {
            "weight_bits": self.weight_bits,
            "normalization_momentum": self.normalization_momentum,
        }

    def _attention_arguments(self) -> dict[str, Any]:
        return {
            "projection": self.projection,
            "similarity": self.similarity,
            "dropout": self.attention_dropout,
            "seed": self.seed,
            **self._bits(),
        }

    def _feed_forward(self) -> keras.layers.Layer:
        arguments = {
            "activation": self.activation,
            "dropout": self.dropout,
            "seed": self.seed,
            "name": "feed_forward",
            **self._bits(),
            **self._common,
        }
        if self.feed_forward == "mixture":
            return MixtureOfPrimitives(
                self.hidden_units,
                self.experts,
                expert_latencies=self.expert_latencies,
                **arguments,
            )
        return HybridFeedForward(self.hidden_units, projection=self.feed_forward, **arguments)

    def _normalization(self, name: str, shape: tuple[int | None, ...]) -> keras.layers.Layer:
        layer = keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, name=f"{name}_norm", **self._common
        )
        layer.build(shape)
        return layer

    def _build_feed_forward(self, shape: tuple[int | None, ...]) -> None:
        self.feed_forward_layer.build(shape)
        self.feed_forward_norm = self._normalization("feed_forward", shape)

    def _feed(self, inputs: Any, mask: Any, training: bool | None) -> Any:
        """The feed-forward part, with its residual connection."""
        x = self._before(self.feed_forward_norm, inputs)
        x = self.feed_forward_layer(x, mask=mask, training=training)
        return self._after(self.feed_forward_norm, inputs, x, training)

    def _before(self, normalization: keras.layers.Layer, x: Any) -> Any:
        """What a part reads."""
        return normalization(x) if self.normalize_first else x

    def _after(
        self, normalization: keras.layers.Layer, x: Any, part: Any, training: bool | None
    ) -> Any:
        """The residual connection around a part."""
        x = x + self._dropout(part, training=training)
        return x if self.normalize_first else normalization(x)

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], *others: Any
    ) -> tuple[int | None, ...]:
        """Returns the output shape, which is the input shape."""
        return tuple(inputs_shape)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns symbolic outputs for symbolic inputs."""
        if kwargs.get("return_attention_scores") or kwargs.get("cache") is not None:
            # There are more outputs than the one of `compute_output_shape`: `call` is traced.
            return keras.Operation.compute_output_spec(self, *args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "num_heads": self.num_heads,
            "operator": self.operator,
            "kernel_size": self.kernel_size,
            "projection": self.projection,
            "similarity": self.similarity,
            "feed_forward": self.feed_forward,
            "experts": self.experts,
            "expert_latencies": self.expert_latencies,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "normalize_first": self.normalize_first,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "weight_bits": self.weight_bits,
            "normalization_momentum": self.normalization_momentum,
            "key_dim": self.key_dim,
            "seed": self.seed,
        }
