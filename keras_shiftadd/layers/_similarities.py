"""How attention mixes values: by scores of all pairs, or by binary codes in linear time."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers._binary_hash import BinaryHash, unit_length
from keras_shiftadd.ops import adder_matmul, linear_angular_attention
from keras_shiftadd.ops._depthwise import depthwise_conv, prefers_windows, sum_of_windows

SIMILARITIES = ("dot", "laplacian", "binary_linear")


def pair_scores(similarity: str, queries: Any, keys: Any, scale: float) -> Any:
    """Scores of all pairs, before the softmax.

    Args:
        similarity: `"dot"` or `"laplacian"`.
        queries: Tensor `(..., targets, size)`.
        keys: Tensor `(..., sources, size)`.
        scale: What the scores are divided by.

    Returns:
        Tensor `(..., targets, sources)`.
    """
    keys = ops.swapaxes(keys, -1, -2)
    if similarity == "laplacian":
        return adder_matmul(queries, keys) * (1.0 / scale)
    return ops.matmul(queries * (1.0 / scale), keys)


class BinaryLinearAttention(keras.layers.Layer):
    """Linear-angular attention over binary codes, and a convolution of the values beside it.

    Tensors have the shape `(..., heads, tokens, size)`.

    Args:
        hash_arguments: Arguments of `BinaryHash`.
        kernel_size: Integer, window of the depthwise convolution of the values along the tokens,
            one kernel a head; `None` for none.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self, hash_arguments: dict[str, Any], kernel_size: int | None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hash = BinaryHash(**hash_arguments, dtype=self.dtype_policy, name="hash")
        self.kernel_size = kernel_size
        # Keras counts the argument of this name among the masks that layers pass on, and warns.
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: the attention around this layer says which tokens count."""

    def build(self, query_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel; `query_shape` ends in heads, tokens, size."""
        self.hash.build(query_shape)
        if self.kernel_size is not None:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(self.kernel_size, query_shape[-3]),
                initializer=keras.initializers.RandomNormal(stddev=self.kernel_size**-0.5),
            )
        self.built = True

    def call(
        self,
        queries: Any,
        keys: Any,
        values: Any,
        mask: Any = None,
        causal: bool = False,
        with_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Mixes the values.

        Args:
            queries: Tensor `(..., heads, tokens, size)`.
            keys: Tensor of the same shape, or `None`: they are the queries.
            values: Tensor `(..., heads, tokens, value size)`.
            mask: `None`, or a Boolean tensor `(..., 1, tokens)`, True for the keys that count.
            causal: Whether a token sees the keys up to its own position only.
            with_scores: Whether the weights of all pairs are computed too.
            training: Whether the hash is supervised.

        Returns:
            The outputs, and the scores if they are asked for, or `None`.
        """
        codes = self.hash(queries, training=training)
        own = codes if keys is None else self.hash(keys, training=training)
        outputs = linear_angular_attention(codes, own, values, mask, causal)
        outputs = unit_length(outputs)
        if self.kernel_size is not None:
            outputs = outputs + self._branch(values, mask, causal)
        return outputs, self._scores(codes, own, mask, causal) if with_scores else None

    def _branch(self, values: Any, mask: Any, causal: bool) -> Any:
        if mask is not None:
            values = values * ops.cast(mask[..., None], values.dtype)
        size = self.kernel_size or 0
        before = size - 1 if causal else (size - 1) // 2
        none = [(0, 0)] * (len(values.shape) - 2)
        padded = ops.pad(values, [*none, (before, size - 1 - before), (0, 0)])
        kernel = ops.cast(self.kernel, values.dtype)
        if prefers_windows():
            return sum_of_windows(padded, kernel[:, :, None, None])
        *leading, heads, tokens, width = ops.shape(values)
        rows = ops.swapaxes(padded, -3, -2)
        rows = ops.reshape(rows, (-1, tokens + size - 1, heads * width))
        mixed = depthwise_conv(rows, ops.repeat(kernel, width, axis=1)[:, :, None])
        return ops.swapaxes(ops.reshape(mixed, (*leading, tokens, heads, width)), -3, -2)

    def _scores(self, codes: Any, own: Any, mask: Any, causal: bool) -> Any:
        scores = ops.matmul(codes, ops.swapaxes(own, -1, -2)) * (1 / math.pi)
        tokens = ops.shape(codes)[-2]
        if mask is not None:
            scores = scores * ops.cast(mask[..., None, :], scores.dtype)
        if causal:
            positions = ops.arange(tokens)
            scores = scores * ops.cast(positions[:, None] >= positions, scores.dtype)
        return scores + 0.5 * ops.eye(tokens, dtype=scores.dtype)
