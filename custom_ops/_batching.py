"""How a batch of adder convolutions becomes one: what `vmap` needs, in JAX and in PyTorch alike.

Where all share one kernel, their batches are joined. Otherwise each becomes a group, or several
if it has groups, of one convolution. `xp` is `jax.numpy` or `torch`: the functions below have the
same names and meanings in both.
"""

from collections.abc import Callable
from typing import Any


def forward(
    xp: Any, conv: Callable[..., Any], count: int, batched: tuple[bool, ...], x: Any, w: Any
) -> Any:
    """Runs `count` convolutions as one.

    Args:
        xp: `jax.numpy` or `torch`.
        conv: function of `(x, w)`.
        count: how many there are.
        batched: whether each of `x` and `w` has a leading axis of that size.
        x: inputs.
        w: kernels.

    Returns:
        The outputs, with a leading axis.
    """
    if not batched[1]:
        return _split(xp, conv(_joined(xp, x), w), count)
    x, w = _all_batched(xp, count, batched, (x, w))
    return _from_groups(xp, conv(_pixels_as_groups(xp, x), _kernels_as_groups(xp, w)), count)


def input_gradient(
    xp: Any, gradient: Callable[..., Any], count: int, batched: tuple[bool, ...], *tensors: Any
) -> Any:
    """As `forward`, for a function of `(x, w, g)` that returns the input gradient."""
    if not batched[1]:
        x, g = _all_batched(xp, count, (batched[0], batched[2]), (tensors[0], tensors[2]))
        return _split(xp, gradient(_joined(xp, x), tensors[1], _joined(xp, g)), count)
    return _from_groups(xp, _grouped(xp, gradient, count, batched, tensors), count)


def kernel_gradient(
    xp: Any, gradient: Callable[..., Any], count: int, batched: tuple[bool, ...], *tensors: Any
) -> Any:
    """As `forward`, for a function of `(x, w, g)` that returns the kernel gradient."""
    dw = _grouped(xp, gradient, count, batched, tensors)
    taps, groups, channels, filters = dw.shape
    dw = xp.reshape(dw, (taps, count, groups // count, channels, filters))
    return xp.moveaxis(dw, 1, 0)


def _grouped(
    xp: Any,
    gradient: Callable[..., Any],
    count: int,
    batched: tuple[bool, ...],
    tensors: tuple[Any, ...],
) -> Any:
    x, w, g = _all_batched(xp, count, batched, tensors)
    return gradient(_pixels_as_groups(xp, x), _kernels_as_groups(xp, w), _pixels_as_groups(xp, g))


def _all_batched(
    xp: Any, count: int, batched: tuple[bool, ...], tensors: tuple[Any, ...]
) -> list[Any]:
    return [
        tensor if has_axis else xp.broadcast_to(tensor, (count, *tensor.shape))
        for tensor, has_axis in zip(tensors, batched, strict=True)
    ]


def _joined(xp: Any, tensor: Any) -> Any:
    """(count, batch, height, width, channels) -> (count * batch, height, width, channels)."""
    count, batch, *rest = tensor.shape
    return xp.reshape(tensor, (count * batch, *rest))


def _split(xp: Any, tensor: Any, count: int) -> Any:
    joined, *rest = tensor.shape
    return xp.reshape(tensor, (count, joined // count, *rest))


def _pixels_as_groups(xp: Any, tensor: Any) -> Any:
    """(count, batch, height, width, channels) -> (batch, height, width, count * channels)."""
    count, *pixels, channels = tensor.shape
    return xp.reshape(xp.moveaxis(tensor, 0, 3), (*pixels, count * channels))


def _from_groups(xp: Any, tensor: Any, count: int) -> Any:
    *pixels, channels = tensor.shape
    tensor = xp.reshape(tensor, (*pixels, count, channels // count))
    return xp.moveaxis(tensor, 3, 0)


def _kernels_as_groups(xp: Any, w: Any) -> Any:
    """(count, taps, groups, channels, filters) -> (taps, count * groups, channels, filters)."""
    count, taps, groups, *rest = w.shape
    return xp.reshape(xp.moveaxis(w, 0, 1), (taps, count * groups, *rest))
