"""Heterogeneous weight sharing: an adder kernel from a kernel that a convolution uses too."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._binned_gain import binned_gain
from keras_shiftadd.ops._laplace import gaussian_to_laplace
from keras_shiftadd.ops._normalize_gradient import normalize_gradient
from keras_shiftadd.ops._tensors import plain_tensor

WEIGHT_SHARINGS = ("transport", "binned", "gain", "none")


def shared_adder_kernel(
    kernel: Any,
    weight_sharing: str = "transport",
    gain: Any = None,
    offset: Any = None,
    gradient_scale: Any = 0.2,
    shared_gradient_scale: Any = None,
) -> Any:
    """Maps a kernel that serves a convolution to one that serves an adder layer.

    Trained convolution kernels are about Gaussian with a deviation of 0.1, trained adder kernels
    about Laplace-distributed with a deviation of 1 and more.

    Args:
        kernel: Float tensor of any shape, the shared kernel.
        weight_sharing: `"transport"`: the Gaussian with the kernel's own mean and deviation is
            mapped to the Laplace distribution of deviation 1, then multiplied by `gain` and moved
            by `offset`. `"gain"`: standardised only, then gain and offset. `"binned"`: multiplied
            by a gain for each of `len(gain)` equal ranges of values, the papers' form. `"none"`:
            as it is.
        gain: Float tensor: a scalar for `"transport"` and `"gain"`, `(bins,)` for `"binned"`.
        offset: Scalar float tensor for `"transport"` and `"gain"`.
        gradient_scale: Number or scalar tensor: the gradient that arrives at the adder kernel is
            brought to this norm (`normalize_gradient`), those of `gain` and `offset` to the mean
            over the elements that share them. `None` leaves gradients as they are.
        shared_gradient_scale: Number or scalar tensor: the gradient that the adder layer passes on
            to the shared kernel is brought to this norm times the kernel's deviation. `None` takes
            `gradient_scale` in `"transport"` and `"gain"`, so that the shared kernel moves by the
            same fraction as an adder kernel of its own, and changes nothing in the other two.
            Where a convolution learns from the same kernel, less disturbs it less.

    Returns:
        Tensor of the shape of `kernel`. Mean and deviation of the kernel are constants in the
        gradient.

    Raises:
        ValueError: If `weight_sharing` is unknown.

    Example:

    >>> kernel = 0.1 * keras.random.normal((3, 3, 16, 16))
    >>> adder = keras_shiftadd.ops.shared_adder_kernel(kernel, "transport", gain=1.0, offset=0.0)
    >>> adder.shape
    (3, 3, 16, 16)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.2.
    """
    if weight_sharing not in WEIGHT_SHARINGS:
        raise ValueError(
            f"`weight_sharing` must be one of {WEIGHT_SHARINGS}. Received: {weight_sharing!r}"
        )
    kernel = plain_tensor(kernel)

    def normalized(tensor: Any, scale: Any, factor: Any = 1.0) -> Any:
        return tensor if scale is None else normalize_gradient(tensor, scale * factor)

    if gradient_scale is not None and gain is not None:
        # The rule for the kernel's elements would move what they share by the sum of all moves.
        gain = _divide_gradient(plain_tensor(gain), math.prod(kernel.shape))
        if offset is not None:
            offset = _divide_gradient(plain_tensor(offset), math.prod(kernel.shape))
    deviation = ops.stop_gradient(ops.std(kernel))
    if shared_gradient_scale is None and weight_sharing in ("transport", "gain"):
        shared_gradient_scale = gradient_scale
    mean = ops.stop_gradient(ops.mean(kernel))
    kernel = normalized(kernel, shared_gradient_scale, deviation)
    if weight_sharing == "none":
        return normalized(kernel, gradient_scale)
    if weight_sharing == "binned":
        return normalized(binned_gain(kernel, gain), gradient_scale)
    if weight_sharing == "transport":
        unit = gaussian_to_laplace(
            kernel, mean, deviation, laplace_mean=0.0, laplace_scale=1.0 / math.sqrt(2.0)
        )
    else:
        unit = (kernel - mean) / ops.maximum(deviation, keras.config.epsilon())
    return normalized(unit * gain + offset, gradient_scale)


def _divide_gradient(shared: Any, elements: int) -> Any:
    """The same numbers; their gradient is divided by how many elements share each of them."""
    share = math.prod(shared.shape) / elements
    constant = ops.stop_gradient(shared)
    return constant + share * (shared - constant)
