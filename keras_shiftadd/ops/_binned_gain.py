"""The binned weight sharing of ShiftAddNAS."""

from typing import Any

from keras import ops

from keras_shiftadd.ops._tensors import plain_tensor


def binned_gain(inputs: Any, gains: Any) -> Any:
    """Multiplies each number by the gain of its bin.

    The range from the smallest to the largest input is cut into `len(gains)` bins of equal width.

    Args:
        inputs: Float tensor of any shape.
        gains: Float tensor `(bins,)`.

    Returns:
        Tensor of the shape of `inputs`. Gradients reach inputs and gains; which bin a number
        belongs to is a constant.

    Raises:
        ValueError: If `gains` does not have one axis.

    Example:

    >>> keras_shiftadd.ops.binned_gain([0.0, 1.0, 2.0], [1.0, 10.0])
    [0.0, 10.0, 20.0]

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.2.
    """
    w, gains = plain_tensor(inputs), plain_tensor(gains)
    if len(gains.shape) != 1:
        raise ValueError(
            f"`gains` must have one axis, a gain a bin. Received: gains.shape={gains.shape}."
        )
    bins = gains.shape[0]
    low, high = ops.min(w), ops.max(w)
    width = ops.where(high > low, high - low, ops.ones_like(high))
    index = ops.cast(ops.floor(ops.stop_gradient((w - low) / width) * bins), "int32")
    return w * ops.take(gains, ops.clip(index, 0, bins - 1), axis=0)
