"""Which channels of the wide networks are those of the tiny one: the most important ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_shiftadd.callbacks._augmentation.groups import Group, Layout, Widths
from keras_shiftadd.callbacks._augmentation.slots import Slots
from keras_shiftadd.callbacks._augmentation.wide_layers import WideKernelLayer, WideNormalization

Orders = dict[Group, np.ndarray]
# Name of the slot of a running average of the weight itself, in place of its gradients.
_AVERAGE = "average"


class Axis(NamedTuple):
    """How the channels along an axis of a wide tensor are sorted.

    Args:
        axis: which one, counted from the end.
        tiny: the places of the tiny network's channels.
        order: for each place, where its channel was.
    """

    axis: int
    tiny: np.ndarray
    order: np.ndarray


def sort_channels(
    layers: Sequence[Any], widest: Widths, groups: Sequence[Group], slots: Slots | None = None
) -> list[Group]:
    """Puts the most important channels of each group first.

    A channel is as important as the sum of the magnitudes of the weights that read it. The widest
    network computes the same afterwards; the others, and the tiny one, have better channels.

    Args:
        layers: the wide layers.
        widest: the numbers of channels of the widest network.
        groups: the groups of channels that can be widened.
        slots: of the optimiser, which go with the channels.

    Returns:
        The groups that were sorted: those of which every kernel can be exchanged, and that some
        layer reads.
    """
    orders = _orders(layers, widest, groups)
    for layer in layers:
        if isinstance(layer, WideKernelLayer) and layer.variables:
            _sort_kernel(layer, orders, widest, slots or {})
        elif isinstance(layer, WideNormalization) and layer.variables:
            axis = _axis(-1, layer.layout, orders, widest)
            own = [v for v in (layer.layer.gamma, layer.layer.beta) if v is not None]
            for variable, extra in zip(own, layer.variables, strict=True):
                _sort_vector(variable, extra, axis, slots or {})
            _sort_averages(layer.layer, axis)
    return list(orders)


def _orders(layers: Sequence[Any], widest: Widths, groups: Sequence[Group]) -> Orders:
    """For each group that can be sorted, its channels from the most important one."""
    kernels = [layer for layer in layers if isinstance(layer, WideKernelLayer)]
    fixed = {
        group.root
        for layer in kernels
        if not layer.can_be_exchanged
        for group in (*layer.source, *layer.layout)
    }
    importance: dict[Group, np.ndarray] = {}
    for layer in kernels:
        if layer.is_depthwise:
            continue
        kernel = np.abs(layer.wide_kernel())
        rows = kernel.sum(axis=tuple(i for i in range(kernel.ndim) if i != kernel.ndim - 2))
        start = 0
        for group in layer.source:
            found = rows[start : start + widest[group]]
            importance[group.root] = importance.get(group.root, 0.0) + found
            start += widest[group]
    return {
        group: np.argsort(-importance[group], kind="stable")
        for group in groups
        if group in importance and group not in fixed
    }


def _sort_kernel(layer: WideKernelLayer, orders: Orders, widest: Widths, slots: Slots) -> None:
    if not set(orders) & {group.root for group in (*layer.source, *layer.layout)}:
        return
    axes = [_axis(-2, layer.source, orders, widest)]
    if not layer.is_depthwise:
        axes.append(_axis(-1, layer.layout, orders, widest))
    layer.set_wide_kernel(_moved(layer.wide_kernel(), axes))
    _sort_slots(layer.layer.kernel, layer.extra_kernel, axes, layer.shares_as_it_is, slots)
    if layer.extra_bias is not None:
        axis = _axis(-1, layer.layout, orders, widest)
        _sort_vector(layer.layer.bias, layer.extra_bias, axis, slots)


def _sort_vector(own: Any, extra: Any, axis: Axis, slots: Slots) -> None:
    _exchange(own, extra, [axis])
    _sort_slots(own, extra, [axis], True, slots)


def _sort_averages(layer: keras.layers.BatchNormalization, axis: Axis) -> None:
    """Lets moving averages go with the tiny network's channels; those that join it have none."""
    stays = np.isin(axis.order[axis.tiny], axis.tiny)
    places = np.searchsorted(axis.tiny, axis.order[axis.tiny][stays])
    for variable in (layer.moving_mean, layer.moving_variance):
        values = _numbers(variable)
        values[stays] = values[places]
        variable.assign(values)


def _sort_slots(own: Any, extra: Any, axes: list[Axis], alike: bool, slots: Slots) -> None:
    """Lets the slots of a weight go with its channels.

    Where tiny and extra weights are not alike (those of adder layers and of convolutions), what
    is known of a weight's gradients means nothing in the other kind, and begins anew.
    """
    own_slots, extra_slots = slots.get(id(own), {}), slots.get(id(extra), {})
    for name in set(own_slots) & set(extra_slots):
        pair = own_slots[name], extra_slots[name]
        _exchange(*pair, axes)
        if alike:
            continue
        is_tiny = np.zeros(_numbers(extra).shape, bool)
        is_tiny[_tiny(axes, is_tiny.ndim)] = True
        became_other = _moved(is_tiny, axes) != is_tiny
        wide = _joined(*pair, axes)
        fresh = _joined(own, extra, axes) if name == _AVERAGE else np.zeros_like(wide)
        _part(np.where(became_other, fresh, wide), *pair, axes)


def _exchange(own: Any, extra: Any, axes: list[Axis]) -> None:
    """Sorts a variable of the tiny network and that of the extra channels together."""
    _part(_moved(_joined(own, extra, axes), axes), own, extra, axes)


def _joined(own: Any, extra: Any, axes: list[Axis]) -> np.ndarray:
    wide = _numbers(extra)
    wide[_tiny(axes, wide.ndim)] = _numbers(own)
    return wide


def _moved(wide: np.ndarray, axes: list[Axis]) -> np.ndarray:
    for axis in axes:
        wide = wide.take(axis.order, axis=axis.axis)
    return wide


def _part(wide: np.ndarray, own: Any, extra: Any, axes: list[Axis]) -> None:
    extra.assign(wide)
    own.assign(wide[_tiny(axes, wide.ndim)])


def _tiny(axes: list[Axis], rank: int) -> tuple[Any, ...]:
    """Index of what belongs to the tiny network."""
    index: list[Any] = [slice(None)] * rank
    for axis, places in zip(axes, np.ix_(*(a.tiny for a in axes)), strict=True):
        index[axis.axis] = places
    return tuple(index)


def _axis(axis: int, layout: Layout, orders: Orders, widest: Widths) -> Axis:
    tiny, order, start = [], [], 0
    for group in layout:
        tiny.append(start + np.arange(group.size))
        order.append(start + orders.get(group.root, np.arange(widest[group])))
        start += widest[group]
    return Axis(axis, np.concatenate(tiny), np.concatenate(order))


def _numbers(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable))
