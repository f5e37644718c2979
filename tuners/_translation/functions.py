"""Operations of a supernet of transformers: tensors of full width, of which a prefix is in use.

What is not in use is zero on its way from layer to layer.
"""

from typing import Any

from keras import ops

from keras_shiftadd import ops as shiftadd_ops

LAYER_NORM_EPSILON = 1e-5
_BLOCKED = -1e9


def prefix(size: int, used: Any, dtype: Any) -> Any:
    """1 for the channels in use, 0 for the others: `(size,)`."""
    return ops.cast(ops.arange(size, dtype="int32") < used, dtype)


def linear(x: Any, kernel: Any, bias: Any, shifts: Any, weight_bits: int) -> Any:
    """A dense or a shift layer, as `shifts` says; None where there are no shift layers."""
    kernel = plain(kernel)
    if shifts is not None:
        rounded = shiftadd_ops.round_to_power_of_two(kernel, weight_bits)
        kernel = ops.where(shifts > 0, rounded, kernel)
    return ops.matmul(x, ops.cast(kernel, x.dtype)) + ops.cast(plain(bias), x.dtype)


def plain(variable: Any) -> Any:
    """The value of a variable; on TensorFlow `convert_to_tensor` would return a variable."""
    tensor = ops.convert_to_tensor(variable)
    return ops.cast(tensor, tensor.dtype)


def layer_norm(x: Any, gamma: Any, beta: Any, used: Any, epsilon: float) -> Any:
    """LayerNormalization over a prefix of the channels; the others of `x` must be zero."""
    mask = prefix(x.shape[-1], used, x.dtype)
    count = ops.cast(used, x.dtype)
    mean = ops.sum(x, axis=-1, keepdims=True) / count
    centred = (x - mean) * mask
    variance = ops.sum(ops.square(centred), axis=-1, keepdims=True) / count
    scaled = centred * ops.rsqrt(variance + epsilon) * ops.cast(plain(gamma), x.dtype)
    return (scaled + ops.cast(plain(beta), x.dtype)) * mask


def batch_norm(
    x: Any, gamma: Any, beta: Any, statistics: Any, mask: Any, epsilon: float
) -> tuple[Any, Any]:
    """BatchNormalization, by the statistics given or those of the tokens that count.

    Returns:
        The normalised tensor, and the mean and variance that were used: `(2, channels)`.
    """
    if statistics is None:
        weights = ops.cast(ops.expand_dims(mask, -1), x.dtype)
        total = ops.sum(weights)
        mean = ops.sum(x * weights, axis=(0, 1)) / total
        variance = ops.sum(ops.square(x - mean) * weights, axis=(0, 1)) / total
        statistics = ops.stack([mean, variance])
    mean, variance = ops.cast(statistics[0], x.dtype), ops.cast(statistics[1], x.dtype)
    gain = ops.cast(plain(gamma), x.dtype) * ops.rsqrt(variance + epsilon)
    return (x - mean) * gain + ops.cast(plain(beta), x.dtype), statistics


def scores_mask(key_mask: Any, causal: bool, dtype: Any) -> Any:
    """What is added to scores `(batch, heads, targets, sources)`: much below 0 where hidden."""
    seen = ops.cast(key_mask, "bool")[:, None, None, :]
    if causal:
        positions = ops.arange(key_mask.shape[1] or ops.shape(key_mask)[1], dtype="int32")
        seen = ops.logical_and(seen, positions[:, None] >= positions)
    return (1.0 - ops.cast(seen, dtype)) * _BLOCKED


def split_heads(x: Any, heads: int) -> Any:
    """`(batch, tokens, heads * size)` -> `(batch, heads, tokens, size)`."""
    shape = ops.shape(x)
    x = ops.reshape(x, (shape[0], shape[1], heads, x.shape[-1] // heads))
    return ops.transpose(x, (0, 2, 1, 3))


def join_heads(x: Any) -> Any:
    """The inverse of `split_heads`."""
    shape = ops.shape(x)
    channels = x.shape[1] * x.shape[3]
    return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (shape[0], shape[2], channels))


def second_half(x: Any, sizes: tuple[int, ...], choice: Any) -> Any:
    """The second half of the channels in use, at the front: `(..., channels)`.

    Args:
        x: Tensor of which a prefix is in use.
        sizes: The choices of the size of the prefix.
        choice: Number of the choice.
    """
    parts = [ops.split(x, [size // 2, size], axis=-1)[1] for size in sizes]
    return _chosen(parts, [0] * len(sizes), x, choice)


def behind_first_half(x: Any, sizes: tuple[int, ...], choice: Any) -> Any:
    """The inverse: what is at the front, put behind the first half of the channels in use."""
    parts = [ops.split(x, [size // 2], axis=-1)[0] for size in sizes]
    return _chosen(parts, [size // 2 for size in sizes], x, choice)


def _chosen(parts: list[Any], starts: list[int], x: Any, choice: Any) -> Any:
    total = None
    none = [(0, 0)] * (len(x.shape) - 1)
    for number, (part, start) in enumerate(zip(parts, starts, strict=True)):
        end = x.shape[-1] - start - part.shape[-1]
        padded = ops.pad(part, [*none, (start, end)])
        padded = padded * ops.cast(ops.equal(choice, number), x.dtype)
        total = padded if total is None else total + padded
    return total
