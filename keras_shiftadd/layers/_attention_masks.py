"""Which keys a query may attend to."""

from typing import Any

from keras import ops

from keras_shiftadd.layers._attention_axes import AttentionAxes


def joined_mask(
    axes: AttentionAxes,
    targets: Any,
    sources: Any,
    query_mask: Any = None,
    value_mask: Any = None,
    key_mask: Any = None,
    attention_mask: Any = None,
    use_causal_mask: bool = False,
    sliding_window: int | None = None,
    first_target: Any = 0,
    written: Any = None,
) -> Any:
    """Returns all masks of an attention layer as one that fits its scores.

    Args:
        axes: Axes of the inputs.
        targets: Number of tokens of the query.
        sources: Number of tokens of key and value.
        query_mask: `None` or a mask `(batch, *sizes)` of the query.
        value_mask: `None` or a mask `(batch, *sizes)` of the value.
        key_mask: `None` or a mask `(batch, *sizes)` of the key.
        attention_mask: `None` or a mask that ends in targets and sources.
        use_causal_mask: Whether a query sees the keys up to its own position only.
        sliding_window: A query sees keys nearer than this; `None`: wherever they are.
        first_target: Position of the first query among the keys.
        written: How many of the keys there are so far; `None` for all.

    Returns:
        `None`, or a Boolean tensor that broadcasts to
        `(batch, *free, heads, targets, sources)`.
    """
    masks = []
    if query_mask is not None:
        masks.append(axes.positions(query_mask)[..., None, :, None])
    for mask in (value_mask, key_mask):
        if mask is not None:
            masks.append(axes.positions(mask)[..., None, None, :])
    if use_causal_mask or sliding_window is not None or written is not None:
        target = first_target + ops.arange(targets, dtype="int32")[:, None]
        source = ops.arange(sources, dtype="int32")
        none = (None,) * (len(axes.free) + 2)
        if use_causal_mask:
            masks.append((target >= source)[none])
        if sliding_window is not None:
            masks.append((ops.abs(target - source) < sliding_window)[none])
        if written is not None:
            masks.append((source < written)[None][none])
    if attention_mask is not None:
        masks.append(axes.pairs(attention_mask))
    if not masks:
        return None
    joined = masks[0]
    for mask in masks[1:]:
        joined = ops.logical_and(joined, mask)
    return joined
