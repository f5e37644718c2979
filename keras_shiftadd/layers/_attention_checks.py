"""Checks of what attention is called with."""

from collections.abc import Sequence
from typing import Any

Shape = tuple[int | None, ...]


def check_self_attention(query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
    """Raises ValueError unless the shapes are those of self-attention over binary codes."""
    if _differ(query_shape[1:-1], value_shape[1:-1]) or query_shape[-1] != key_shape[-1]:
        raise ValueError(
            "similarity='binary_linear' is self-attention: `query`, `key` and `value` must "
            f"have as many tokens each, and `query` and `key` as many channels. Received: "
            f"query_shape={tuple(query_shape)}, value_shape={tuple(value_shape)}, "
            f"key_shape={tuple(key_shape)}. Use 'dot' or 'laplacian' for other inputs."
        )


def check_order(name: str, one_axis: bool, ordered: bool) -> None:
    """Raises ValueError where masks need the order of tokens, and there is none.

    Args:
        name: Name of the layer.
        one_axis: Whether attention goes along one axis.
        ordered: Whether there is a causal mask or a sliding window.
    """
    if ordered and not one_axis:
        raise ValueError(
            "A causal mask or a sliding window needs the order of tokens along one axis. "
            f"Received: inputs of layer '{name}' with attention along several axes."
        )


def check_cache(
    query_shape: Sequence[Any], cache: Any, index: Any, key_masks: tuple[Any, ...]
) -> None:
    """Raises ValueError unless a cache fits what comes with it.

    Args:
        query_shape: Shape of the query.
        cache: The cache, or `None`.
        index: Where it is updated, or `None`.
        key_masks: Masks of value and key.
    """
    if cache is not None and len(query_shape) != 3:
        raise ValueError(
            "A cache needs inputs with 3 axes: batch, tokens, channels. "
            f"Received: query.shape={query_shape}."
        )
    if cache is None and index is not None:
        raise ValueError(
            "`cache_update_index` needs a cache. Received: cache_update_index without `cache`."
            " Pass cache=layer.make_cache(batch_size, length)."
        )
    if index is not None and any(mask is not None for mask in key_masks):
        raise ValueError(
            "With `cache_update_index` a mask must say which tokens of the cache count. "
            "Received: `value_mask` or `key_mask`, of the new tokens. Pass an "
            "`attention_mask` (batch, targets, length of the cache)."
        )


def check_codes(attention_mask: Any, cache: Any) -> None:
    """Raises ValueError for what needs scores of pairs, which binary codes have not."""
    if attention_mask is not None or cache is not None:
        raise ValueError(
            "similarity='binary_linear' computes no scores of pairs: it has neither "
            "`attention_mask` nor `cache`. Use masks of query and value, or "
            "`use_causal_mask`; or another similarity."
        )


def _differ(first: Shape, second: Shape) -> bool:
    return len(first) != len(second) or any(
        a is not None and b is not None and a != b for a, b in zip(first, second, strict=True)
    )
