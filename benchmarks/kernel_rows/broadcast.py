"""The adder convolution as one broadcast over all differences, the form without a kernel."""

from typing import Any

from kernel_rows.layer import Layer


def broadcast_adder(xp: Any, layer: Layer, x: Any, w: Any) -> Any:
    """Patches, then `sum(abs(patches[..., None] - w))`.

    Args:
        xp: `keras.ops` or `jax.numpy`.
        layer: the layer.
        x: its input.
        w: its kernel, as Keras has it.
    """
    border = layer.padding
    x = xp.pad(x, ((0, 0), border, border, (0, 0)))
    reach = (layer.out_size - 1) * layer.stride + 1
    patches = [
        x[:, row : row + reach : layer.stride, column : column + reach : layer.stride]
        for row in range(layer.kernel)
        for column in range(layer.kernel)
    ]
    if layer.depthwise:
        w = xp.reshape(w, (layer.taps, layer.channels))
        return -xp.sum(xp.abs(xp.stack(patches, axis=-2) - w), axis=-2)
    w = xp.reshape(w, (layer.taps * layer.channels, layer.filters))
    return -xp.sum(xp.abs(xp.concatenate(patches, axis=-1)[..., None] - w), axis=-2)
