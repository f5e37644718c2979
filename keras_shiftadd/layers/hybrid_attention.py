"""HybridAttention."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._attention_axes import AttentionAxes
from keras_shiftadd.layers._attention_base import AttentionBase, Shape
from keras_shiftadd.layers._attention_checks import (
    check_cache,
    check_codes,
    check_order,
    check_self_attention,
)
from keras_shiftadd.layers._attention_masks import joined_mask
from keras_shiftadd.layers._binary_hash import HASHINGS
from keras_shiftadd.layers._similarities import (
    SIMILARITIES,
    BinaryLinearAttention,
    pair_scores,
)
from keras_shiftadd.ops import _numbers

Cache = tuple[Any, Any]


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridAttention(AttentionBase):
    """Multi-head attention with ordinary, shift or adder projections and three similarities.

    Takes the place of `keras.layers.MultiHeadAttention`. With `projection="dense"`,
    `similarity="dot"` and the same weights it computes the same; there is no `flash_attention`.

    Behind each adder projection the layer has a `BatchNormalization` of its own, because
    distances are large negative numbers that neither a softmax nor the next layer can use: no
    other normalisation needs to follow. Masked positions take no part in its statistics. It holds
    the bias of the projection, as its offset.

    The parts are Keras layers of their own: `layer.query_dense`, `key_dense`, `value_dense`,
    `output_dense` and `gate_dense`, and `layer.query_normalization` and so on; what there is not,
    a gate or an adder, is `None`. The last projection is made when the layer is built.

    Args:
        num_heads: Integer, number of heads.
        key_dim: Integer, size of a head for queries and keys.
        value_dim: Integer, size of a head for values; `None` is `key_dim`.
        dropout: Number from 0 to below 1, share of the scores that training drops. With
            `similarity="binary_linear"`, share of the mixed values.
        use_bias: Boolean, whether the projections add a bias.
        output_shape: Integer or tuple of integers, the axes of the output behind the tokens.
            `None` is the size of the query.
        attention_axes: Integer or tuple of integers, axes along which attention goes. `None`: all
            between batch and channels.
        sliding_window: Integer: a query attends to keys nearer than this; `None`: to all.
        kernel_initializer: Initializer of the kernels. `None` takes the projection's own: Glorot
            uniform for `"dense"`; see `ShiftDense` and `AdderDense` for the others.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of the kernels.
        bias_regularizer: Regularizer of the biases.
        activity_regularizer: Regularizer of the outputs of the projections.
        kernel_constraint: Constraint of the kernels.
        bias_constraint: Constraint of the biases.
        use_gate: Boolean, whether the mixed values are multiplied by the sigmoid of one more
            projection of the query, of its kind.
        seed: Integer, seed of the dropout.
        projection: `"dense"`, `"shift"` or `"adder"`, for all four projections, or a dict with
            one of them for each of `"query"`, `"key"`, `"value"` and `"output"`.
        similarity: How a query is compared with a key. `"dot"`: by their product. `"laplacian"`:
            by minus their L1 distance. Both are divided by `similarity_scale` and go through a
            softmax. `"binary_linear"`: by their binary codes, without a softmax and in time
            linear in the tokens; for self-attention. Query and key share a projection, and where
            no key is given, it is the query.
        similarity_scale: Positive number; `None` is the square root of `key_dim`.
        hashing: Codes of `"binary_linear"`. `"vanilla"`: signs of the projected query or key.
            `"kernel"`: signs of trained combinations of Gaussian similarities to trained anchors,
            supervised by a loss.
        hash_bits: Integer, bits of a code of `hashing="kernel"`.
        num_anchors: Integer, anchors a head of `hashing="kernel"`.
        hash_loss_weight: Number, weight of the loss that draws the similarity of codes to the one
            of what they stand for.
        value_kernel_size: Integer, window of the depthwise convolution of the values that
            `"binary_linear"` adds; `None` for none.
        form: Form of shift kernels; see `ShiftDense`.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        max_exponent: Largest exponent of shift kernels; see `ShiftDense`.
        gradient: Gradient of adder projections; see `AdderDense`.
        gradient_scale: Norm of the gradient of adder kernels; see `AdderDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics
            behind adder projections. Less of it suits short training.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        query: Tensor `(batch, targets, channels)`, or with more axes of positions.
        value: Tensor `(batch, sources, channels)`.
        key: Tensor `(batch, sources, channels)`; `None` is `value`.
        query_mask: Boolean tensor `(batch, targets)`, or `None`. This and the next two come from
            the Keras masks of the inputs where they are not given.
        value_mask: Boolean tensor `(batch, sources)`, or `None`.
        key_mask: Boolean tensor `(batch, sources)`, or `None`.
        attention_mask: Boolean tensor `(targets, sources)`, `(batch, targets, sources)` or
            `(batch, heads, targets, sources)`, or `None`. A query attends to keys where all masks
            are True.
        return_attention_scores: Boolean, whether the scores are returned too.
        training: Boolean, whether scores are dropped and statistics of the batch are used.
        use_causal_mask: Boolean, whether a query attends to keys up to its own position only.
        cache: Keys and values of earlier calls, as `make_cache` or such a call returned them, or
            `None`. With it, the cache is returned last.
        cache_update_index: Integer or integer tensor: the position of the first token of `query`
            and `value`. Their keys and values are written into the cache from there on, and
            later positions are not seen. `None`: the cache is used as it is, and `value` is not
            looked at.

    Input shape:
        Tensors `(batch, tokens, channels)`, or `(batch, *sizes, channels)`.

    Output shape:
        Tensor `(batch, targets, channels)`, or `(batch, targets, *output_shape)`. With
        `return_attention_scores=True` also a tensor `(batch, heads, targets, sources)`, and with
        a cache the cache.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> keras_shiftadd.layers.HybridAttention(2, 8, projection="shift")(x, x).shape
    (4, 10, 16)

    Reference:
        - [Vaswani et al., 2017, Attention Is All You Need](https://arxiv.org/abs/1706.03762),
        section 3.2.
        - [EcoTransformer, 2025](https://arxiv.org/abs/2507.20096), for `"laplacian"`.
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), for shift
        projections and `"binary_linear"`.
        - [Liu et al., 2022, EcoFormer](https://arxiv.org/abs/2209.09004), for
        `hashing="kernel"`.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | tuple[int, ...] | None = None,
        attention_axes: int | tuple[int, ...] | None = None,
        sliding_window: int | None = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        projection: str | dict[str, str] = "dense",
        similarity: str = "dot",
        similarity_scale: float | None = None,
        hashing: str = "vanilla",
        hash_bits: int = 16,
        num_anchors: int = 20,
        hash_loss_weight: float = 0.1,
        value_kernel_size: int | None = 9,
        form: str = "quantized",
        weight_bits: int = 5,
        max_exponent: int = 0,
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
        normalization_momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        self._shares_query = similarity == "binary_linear"
        super().__init__(
            num_heads=num_heads,
            key_dim=key_dim,
            value_dim=value_dim,
            use_bias=use_bias,
            use_gate=use_gate,
            output_shape=output_shape,
            attention_axes=attention_axes,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            projection=projection,
            form=form,
            weight_bits=weight_bits,
            max_exponent=max_exponent,
            gradient=gradient,
            gradient_scale=gradient_scale,
            normalization_momentum=normalization_momentum,
            **kwargs,
        )
        self.supports_masking = True
        self.dropout = _numbers.fraction(dropout, "dropout")
        self.sliding_window = _positive_or_none(sliding_window, "sliding_window")
        self.seed = seed
        self.similarity = _arguments.one_of(similarity, SIMILARITIES, "similarity")
        self.similarity_scale = _numbers.positive_number(similarity_scale, "similarity_scale")
        self.hashing = _arguments.one_of(hashing, HASHINGS, "hashing")
        self.hash_bits = _numbers.positive(hash_bits, "hash_bits")
        self.num_anchors = _numbers.positive(num_anchors, "num_anchors")
        self.hash_loss_weight = _numbers.not_negative(hash_loss_weight, "hash_loss_weight")
        self.value_kernel_size = _positive_or_none(value_kernel_size, "value_kernel_size")
        if similarity == "binary_linear":
            if sliding_window is not None:
                raise ValueError(
                    "`sliding_window` needs the scores of pairs, which 'binary_linear' has not. "
                    f"Received: sliding_window={sliding_window}. Use another similarity."
                )
            self._mixer = BinaryLinearAttention(
                {
                    "hashing": hashing,
                    "bits": hash_bits,
                    "num_anchors": num_anchors,
                    "loss_weight": hash_loss_weight,
                },
                value_kernel_size,
                trainable=self.trainable,
                dtype=self.dtype_policy,
                name="binary_linear",
            )
        else:
            self._softmax = keras.layers.Softmax(dtype=self.dtype_policy, name="softmax")
        self._dropout = keras.layers.Dropout(
            self.dropout, seed=seed, dtype=self.dtype_policy, name="dropout"
        )

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Builds the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        self._build_projections(query_shape, value_shape, key_shape)
        if self._shares_query:
            self._mixer.build((query_shape[0], self.num_heads, None, self.key_dim))
        self.built = True

    def _check_shapes(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        super()._check_shapes(query_shape, value_shape, key_shape)
        if self._shares_query:
            check_self_attention(query_shape, value_shape, key_shape)

    def make_cache(self, batch_size: int, length: int) -> Cache:
        """Returns an empty cache for calls with `cache`.

        Args:
            batch_size: Integer, number of sequences.
            length: Integer, the largest number of tokens that it will hold.

        Returns:
            Keys `(batch, heads, length, key_dim)` and values `(batch, heads, length, value_dim)`.
        """
        shape = (batch_size, self.num_heads, length)
        return (
            ops.zeros((*shape, self.key_dim), dtype=self.compute_dtype),
            ops.zeros((*shape, self.value_dim), dtype=self.compute_dtype),
        )

    def cache_of(self, value: Any, key: Any = None) -> Cache:
        """Returns the cache of a whole sequence, for calls without `cache_update_index`.

        Args:
            value: Tensor `(batch, sources, channels)`.
            key: Tensor `(batch, sources, channels)`; `None` is `value`.

        Returns:
            Keys `(batch, heads, sources, key_dim)` and values `(batch, heads, sources, value_dim)`.
        """
        axes = self._axes(len(value.shape))
        keys = self._project("key", value if key is None else key, None, False)
        values = self._project("value", value, None, False)
        return axes.split(keys, self.num_heads), axes.split(values, self.num_heads)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        cache: Cache | None = None,
        cache_update_index: Any = None,
    ) -> Any:
        """Attends, and returns the output, then the scores and the cache if there are."""
        self._check_call(
            query,
            attention_mask,
            use_causal_mask,
            cache,
            cache_update_index,
            (value_mask, key_mask),
        )
        if self.similarity == "binary_linear":
            # Keras gives a mask with each tensor; those of a tensor that is not given count not.
            masks = query_mask, value_mask, None if key is None else key_mask
            return self._mix_codes(
                query, value, key, masks, return_attention_scores, training, use_causal_mask
            )
        # Keras finds no mask of a key that was not given.
        key, key_mask = (value, value_mask) if key is None else (key, key_mask)
        axes = self._axes(len(query.shape))
        shape = ops.shape(query)
        queries = axes.split(self._project("query", query, query_mask, training), self.num_heads)
        if cache is not None and cache_update_index is None:
            keys, values = cache
        else:
            keys = axes.split(self._project("key", key, key_mask, training), self.num_heads)
            values = axes.split(self._project("value", value, value_mask, training), self.num_heads)
        first, written = 0, None
        if cache is not None and cache_update_index is not None:
            first = ops.cast(cache_update_index, "int32")
            written = first + ops.shape(values)[-2]
            keys, values = cache = tuple(
                ops.slice_update(old, (0, 0, first, 0), ops.cast(new, old.dtype))
                for old, new in zip(cache, (keys, values), strict=True)
            )
        mask = joined_mask(
            axes,
            ops.shape(queries)[-2],
            ops.shape(keys)[-2],
            query_mask,
            value_mask,
            key_mask,
            attention_mask,
            use_causal_mask,
            self.sliding_window,
            first,
            written,
        )
        scale = self.similarity_scale or self.key_dim**0.5
        scores = pair_scores(self.similarity, queries, keys, scale)
        scores = self._softmax(scores, mask=mask)
        kept = self._dropout(scores, training=training) if self.dropout else scores
        outputs = self._join(axes, ops.matmul(kept, values), query, query_mask, training)
        if not return_attention_scores:
            return outputs if cache is None else (outputs, cache)
        if len(axes.attended) != 1:
            scores = ops.reshape(scores, axes.score_shape(shape, ops.shape(value), self.num_heads))
        return (outputs, scores) if cache is None else (outputs, scores, cache)

    def _join(self, axes: AttentionAxes, mixed: Any, query: Any, mask: Any, training: Any) -> Any:
        """The output of the layer, from the mixed values of the heads."""
        shape = ops.shape(query)
        joined = self._gated(axes.join(mixed, shape), query, mask, training)
        outputs = self._project("output", joined, mask, training)
        if self._output_axes is not None and len(self._output_axes) != 1:
            outputs = ops.reshape(outputs, (*shape[:-1], *self._output_axes))
        return outputs

    def _mix_codes(
        self,
        query: Any,
        value: Any,
        key: Any,
        masks: tuple[Any, Any, Any],
        with_scores: bool,
        training: bool | None,
        causal: bool,
    ) -> Any:
        """The call of `"binary_linear"`."""
        query_mask, value_mask, key_mask = masks
        axes = self._axes(len(query.shape))
        shape = ops.shape(query)
        queries = axes.split(self._project("query", query, query_mask, training), self.num_heads)
        keys = None
        if key is not None:
            keys = axes.split(self._project("query", key, key_mask, training), self.num_heads)
        values = axes.split(self._project("value", value, value_mask, training), self.num_heads)
        counted = None
        for mask in (value_mask, key_mask):
            if mask is not None:
                mask = axes.positions(mask)[..., None, :]
                counted = mask if counted is None else ops.logical_and(counted, mask)
        mixed, scores = self._mixer(
            queries,
            keys=keys,
            values=values,
            mask=counted,
            causal=causal,
            with_scores=with_scores,
            training=training,
        )
        mixed = self._dropout(mixed, training=training) if self.dropout else mixed
        outputs = self._join(axes, mixed, query, query_mask, training)
        if not with_scores:
            return outputs
        if len(axes.attended) != 1:
            scores = ops.reshape(scores, axes.score_shape(shape, shape, self.num_heads))
        return outputs, scores

    def _check_call(
        self,
        query: Any,
        attention_mask: Any,
        causal: bool,
        cache: Any,
        index: Any,
        key_masks: tuple[Any, ...] = (),
    ) -> None:
        one_axis = len(self._axes(len(query.shape)).attended) == 1
        check_order(self.name, one_axis, causal or self.sliding_window is not None)
        check_cache(query.shape, cache, index, key_masks)
        if self._shares_query:
            check_codes(attention_mask, cache)

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Returns the output shape for the shapes of the inputs."""
        self._check_shapes(query_shape, value_shape, key_shape or value_shape)
        if self._output_axes is None:
            return tuple(query_shape)
        return (*query_shape[:-1], *self._output_axes)

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        cache: Cache | None = None,
        cache_update_index: Any = None,
    ) -> Any:
        """Returns symbolic outputs for symbolic inputs."""
        self._check_call(query, attention_mask, use_causal_mask, cache, cache_update_index)
        shape = self.compute_output_shape(
            query.shape, value.shape, None if key is None else key.shape
        )
        results = [keras.KerasTensor(shape, dtype=self.compute_dtype)]
        if return_attention_scores:
            shape = self._axes(len(query.shape)).score_shape(
                query.shape, value.shape, self.num_heads
            )
            if cache is not None:
                shape = (*shape[:-1], cache[0].shape[-2])
            results.append(keras.KerasTensor(shape, dtype=self.compute_dtype))
        if cache is not None:
            results.append(tuple(keras.KerasTensor(part.shape, dtype=part.dtype) for part in cache))
        return results[0] if len(results) == 1 else tuple(results)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "dropout": self.dropout,
            "sliding_window": self.sliding_window,
            "seed": self.seed,
            "similarity": self.similarity,
            "similarity_scale": self.similarity_scale,
            "hashing": self.hashing,
            "hash_bits": self.hash_bits,
            "num_anchors": self.num_anchors,
            "hash_loss_weight": self.hash_loss_weight,
            "value_kernel_size": self.value_kernel_size,
        }


def _positive_or_none(value: Any, name: str) -> int | None:
    return None if value is None else _numbers.positive(value, name)
