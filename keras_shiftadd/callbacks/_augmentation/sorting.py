"""Which channels of the wide networks are those of the tiny one: the most important ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_shiftadd.callbacks._augmentation.groups import Group, Layout, Widths
from keras_shiftadd.callbacks._augmentation.wide_layers import WideKernelLayer, WideNormalization

Orders = dict[Group, np.ndarray]


def sort_channels(layers: Sequence[Any], widest: Widths, groups: Sequence[Group]) -> list[Group]:
    """Puts the most important channels of each group first.

    A channel is as important as the sum of the magnitudes of the weights that read it. The widest
    network computes the same afterwards; the others, and the tiny one, have better channels.

    Args:
        layers: the wide layers.
        widest: the numbers of channels of the widest network.
        groups: the groups of channels that can be widened.

    Returns:
        The groups that were sorted: those of which every kernel can be exchanged, and that some
        layer reads.
    """
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
    orders = {
        group: np.argsort(-importance[group], kind="stable")
        for group in groups
        if group in importance and group not in fixed
    }
    for layer in layers:
        if isinstance(layer, WideKernelLayer) and layer.variables:
            _sort_kernel(layer, orders, widest)
        elif isinstance(layer, WideNormalization) and layer.variables:
            _sort_normalization(layer, orders, widest)
    return list(orders)


def _sort_kernel(layer: WideKernelLayer, orders: Orders, widest: Widths) -> None:
    if not set(orders) & {group.root for group in (*layer.source, *layer.layout)}:
        return
    kernel = layer.wide_kernel().take(_places(layer.source, orders, widest), axis=-2)
    if not layer.is_depthwise:
        kernel = kernel.take(_places(layer.layout, orders, widest), axis=-1)
    layer.set_wide_kernel(kernel)
    if layer.extra_bias is not None:
        _sort_vector(layer.layer.bias, layer.extra_bias, layer.layout, orders, widest)


def _sort_normalization(layer: WideNormalization, orders: Orders, widest: Widths) -> None:
    own = [v for v in (layer.layer.gamma, layer.layer.beta) if v is not None]
    for variable, extra in zip(own, layer.variables, strict=True):
        _sort_vector(variable, extra, layer.layout, orders, widest)


def _sort_vector(own: Any, extra: Any, layout: Layout, orders: Orders, widest: Widths) -> None:
    places = _tiny_places(layout, widest)
    wide = np.array(ops.convert_to_numpy(extra))
    wide[places] = ops.convert_to_numpy(own)
    wide = wide[_places(layout, orders, widest)]
    extra.assign(wide)
    own.assign(wide[places])


def _places(layout: Layout, orders: Orders, widest: Widths) -> np.ndarray:
    """For each channel of the widest network, where it was."""
    parts, start = [], 0
    for group in layout:
        order = orders.get(group.root, np.arange(widest[group]))
        parts.append(start + order)
        start += widest[group]
    return np.concatenate(parts)


def _tiny_places(layout: Layout, widest: Widths) -> np.ndarray:
    """Where the channels of the tiny network are in the widest one."""
    parts, start = [], 0
    for group in layout:
        parts.append(start + np.arange(group.size))
        start += widest[group]
    return np.concatenate(parts)
