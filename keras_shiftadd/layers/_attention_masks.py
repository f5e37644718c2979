"""Which keys a query may attend to."""

from typing import Any

from keras import ops


def joined_mask(
    query: Any,
    value: Any,
    query_mask: Any,
    value_mask: Any,
    key_mask: Any,
    attention_mask: Any,
    use_causal_mask: bool,
) -> Any:
    """Returns all masks of an attention layer as one that fits its scores.

    Args:
        query: Tensor `(batch, targets, channels)`.
        value: Tensor `(batch, sources, channels)`.
        query_mask: `None` or a mask `(batch, targets)`.
        value_mask: `None` or a mask `(batch, sources)`.
        key_mask: `None` or a mask `(batch, sources)`.
        attention_mask: `None` or a mask `(targets, sources)`, `(batch, targets, sources)` or
            `(batch, heads, targets, sources)`.
        use_causal_mask: Whether a query sees the keys up to its own position only.

    Returns:
        `None`, or a Boolean tensor that broadcasts to `(batch, heads, targets, sources)`.
    """
    masks = []
    if query_mask is not None:
        masks.append(ops.cast(query_mask, "bool")[:, None, :, None])
    for mask in (value_mask, key_mask):
        if mask is not None:
            masks.append(ops.cast(mask, "bool")[:, None, None, :])
    if use_causal_mask:
        targets = ops.arange(ops.shape(query)[1])
        sources = ops.arange(ops.shape(value)[1])
        masks.append((targets[:, None] >= sources)[None, None])
    if attention_mask is not None:
        attention_mask = ops.cast(attention_mask, "bool")
        while len(attention_mask.shape) < 4:
            attention_mask = ops.expand_dims(attention_mask, -3)
        masks.append(attention_mask)
    if not masks:
        return None
    joined = masks[0]
    for mask in masks[1:]:
        joined = ops.logical_and(joined, mask)
    return joined
