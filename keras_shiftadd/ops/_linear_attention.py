"""Attention in linear time: binary codes, and the linear-angular attention over them."""

import math
from typing import Any

from keras import ops

from keras_shiftadd.ops._tensors import plain_tensor

# Tokens a block of causal attention: inside of one, all pairs are compared.
_BLOCK = 64


def binarize(inputs: Any) -> Any:
    """Replaces numbers by their signs, with a clipped straight-through gradient.

    The sign of zero is 1. The gradient is the identity where `|x| <= 1`, and zero elsewhere.

    Args:
        inputs: Float tensor of any shape.

    Returns:
        Tensor of the same shape and dtype; each element is -1 or 1.

    Example:

    >>> keras_shiftadd.ops.binarize([0.3, -2.0, 0.0])
    [1.0, -1.0, 1.0]

    Reference:
        - [Hubara et al., 2016, Binarized Neural Networks](https://arxiv.org/abs/1602.02830),
        equations 1 and 4.
    """
    inputs = plain_tensor(inputs)
    signs = ops.where(inputs < 0, -ops.ones_like(inputs), ops.ones_like(inputs))
    clipped = ops.clip(inputs, -1.0, 1.0)
    # In this order the value is exactly the sign.
    return ops.stop_gradient(signs) + (clipped - ops.stop_gradient(clipped))


def linear_angular_attention(
    query: Any, key: Any, value: Any, mask: Any = None, use_causal_mask: bool = False
) -> Any:
    """Linear-angular attention: `value / 2 + query @ (key^T @ value) / pi`.

    The similarity of two unit vectors at an angle `a` is taken as `1/2 + cos(a) / pi`, of which
    the constant part acts on a token's own value only. No score of a pair of tokens is ever
    computed: time and memory grow linearly with their number. With binary codes as `query` and
    `key` the two products consist of additions and subtractions.

    Args:
        query: Float tensor `(..., tokens, bits)`, vectors of length one.
        key: Float tensor `(..., tokens, bits)`, vectors of length one.
        value: Float tensor `(..., tokens, size)`.
        mask: Boolean tensor that broadcasts to `(..., tokens)`, True for the keys that count;
            `None` for all.
        use_causal_mask: Boolean, whether a token sees the keys up to its own position only. It
            goes through the tokens in blocks of 64, inside of which pairs are compared.

    Returns:
        Tensor `(..., tokens, size)`.

    Raises:
        ValueError: If the numbers of axes differ.

    Example:

    >>> x = keras.ops.normalize(keras.random.normal((2, 100, 16)))
    >>> keras_shiftadd.ops.linear_angular_attention(x, x, x).shape
    (2, 100, 16)

    Reference:
        - [You et al., 2023, Castling-ViT](https://arxiv.org/abs/2211.10526), section 4.
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), section 4.
    """
    query, key, value = plain_tensor(query), plain_tensor(key), plain_tensor(value)
    if not len(query.shape) == len(key.shape) == len(value.shape) >= 2:
        raise ValueError(
            "`query`, `key` and `value` must have as many axes each, tokens and channels last. "
            f"Received: query.shape={query.shape}, key.shape={key.shape}, "
            f"value.shape={value.shape}."
        )
    if mask is not None:
        key = key * ops.cast(ops.expand_dims(mask, -1), key.dtype)
    if use_causal_mask:
        sums = _causal_sums(query, key, value)
    else:
        sums = ops.matmul(query, ops.matmul(_transposed(key), value))
    return value * 0.5 + sums * (1 / math.pi)


def _causal_sums(query: Any, key: Any, value: Any) -> Any:
    """`query_t @ sum_{s <= t} key_s^T @ value_s` for each token `t`."""
    tokens = ops.shape(value)[-2]
    blocks = (tokens + _BLOCK - 1) // _BLOCK
    query, key, value = (_in_blocks(x, tokens, blocks) for x in (query, key, value))
    states = ops.matmul(_transposed(key), value)
    before = ops.cumsum(states, axis=-3) - states
    positions = ops.arange(_BLOCK)
    visible = ops.cast(positions[:, None] >= positions, query.dtype)
    inside = ops.matmul(query, _transposed(key)) * visible
    sums = ops.matmul(query, before) + ops.matmul(inside, value)
    *leading, _, _, size = ops.shape(sums)
    return ops.reshape(sums, (*leading, blocks * _BLOCK, size))[..., :tokens, :]


def _in_blocks(x: Any, tokens: Any, blocks: Any) -> Any:
    *leading, _, size = ops.shape(x)
    none = [(0, 0)] * (len(x.shape) - 2)
    x = ops.pad(x, [*none, (0, blocks * _BLOCK - tokens), (0, 0)])
    return ops.reshape(x, (*leading, blocks, _BLOCK, size))


def _transposed(x: Any) -> Any:
    rank = len(x.shape)
    return ops.transpose(x, (*range(rank - 2), rank - 1, rank - 2))
