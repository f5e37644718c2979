"""Weights and activations whose channels are tiny ones, each group followed by extra ones."""

from typing import Any

from keras import ops

from keras_shiftadd.callbacks._augmentation.groups import Layout, Widths


def part(tensor: Any, axis: int, start: int, stop: int) -> Any:
    """A slice along one axis."""
    index = [slice(None)] * len(tensor.shape)
    index[axis] = slice(start, stop)
    return tensor[tuple(index)]


def active(extra: Any, axis: int, layout: Layout, widths: Widths, widest: Widths) -> Any:
    """What is in use of a tensor of the widest network: its first channels in each group."""
    if all(widths[group] == widest[group] for group in layout):
        return extra
    parts, start = [], 0
    for group in layout:
        parts.append(part(extra, axis, start, start + widths[group]))
        start += widest[group]
    return joined(parts, axis)


def tiny(wide: Any, axis: int, layout: Layout, widths: Widths) -> Any:
    """The channels of the tiny network."""
    if all(widths[group] == group.size for group in layout):
        return wide
    parts, start = [], 0
    for group in layout:
        parts.append(part(wide, axis, start, start + group.size))
        start += widths[group]
    return joined(parts, axis)


def widened(own: Any, extra: Any, axis: int, layout: Layout, widths: Widths) -> Any:
    """Channels of the tiny network, those of each group followed by extra ones.

    Args:
        own: tensor with the channels of the tiny network along the axis.
        extra: tensor with all channels in use, of which those of the tiny network are ignored.
        axis: the axis of the channels.
        layout: the groups of channels along the axis.
        widths: how many of each group are in use.
    """
    parts, first, start = [], 0, 0
    for group in layout:
        parts.append(part(own, axis, first, first + group.size))
        if widths[group] > group.size:
            parts.append(part(extra, axis, start + group.size, start + widths[group]))
        first += group.size
        start += widths[group]
    return joined(parts, axis)


def channel_vector(
    own: Any, extra: Any, layout: Layout, widths: Widths, widest: Widths, shape: list[int]
) -> Any:
    """A number for each channel, such as a bias.

    Args:
        own: variable of the tiny network.
        extra: variable of the widest network; None where channels keep their number.
        layout: the groups of channels.
        widths: how many of each group are in use.
        widest: how many there are.
        shape: what the vector is reshaped to.
    """
    vector = ops.convert_to_tensor(own)
    if extra is not None:
        extra = active(ops.convert_to_tensor(extra), 0, layout, widths, widest)
        vector = widened(vector, extra, 0, layout, widths)
    return ops.reshape(vector, shape)


def joined(parts: list[Any], axis: int) -> Any:
    """Concatenates, if there is more than one."""
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=axis)
