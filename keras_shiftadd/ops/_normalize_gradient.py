"""AdderNet's adaptive learning rate, as a function of the kernel alone."""

import math
from typing import Any

from keras import ops

from keras_shiftadd.ops._tensors import plain_tensor


def normalize_gradient(kernel: Any, scale: Any = 0.2) -> Any:
    """Identity whose gradient is brought to a fixed L2 norm.

    The gradients of adder layers differ by orders of magnitude between layers, and with them the
    useful learning rates. AdderNet rescales the gradient of each kernel `w` of `k` elements to
    `scale * sqrt(k) * g / ||g||_2`: its elements then have the root mean square `scale` in every
    layer. Here the rescaling is a function of its own, to be put between a kernel and the operation
    that uses it. A gradient of zero stays zero.

    Args:
        kernel: Float tensor of any shape.
        scale: Number or scalar tensor, the paper's eta.

    Returns:
        `kernel`, unchanged.

    Note:
        The result does not depend on the magnitude of the incoming gradient, so a loss scale
        (mixed float16 training) is cancelled by it, and dividing by the loss scale afterwards
        makes the step vanish. Train with `mixed_bfloat16`, or compile the model with
        `auto_scale_loss=False`.

    Example:

    >>> kernel = keras.random.normal((3, 3, 3, 16))
    >>> keras_shiftadd.ops.normalize_gradient(kernel, scale=0.2).shape
    (3, 3, 3, 16)

    Reference:
        - [Chen et al., 2020](https://arxiv.org/abs/1912.13200), equations 12 and 13.
    """

    @ops.custom_gradient
    def identity(w: Any, eta: Any) -> Any:
        def grad(*args: Any, upstream: Any = None) -> tuple[Any, Any]:
            g = args[0] if upstream is None else upstream
            wide = ops.cast(g, "float32")
            # Squares of the largest and the least floats would leave their range.
            largest = ops.max(ops.abs(wide))
            wide = wide / ops.where(largest > 0, largest, 1.0)
            norm = ops.sqrt(ops.sum(ops.square(wide)))
            root = math.sqrt(math.prod(w.shape))
            factor = ops.cast(eta, "float32") * root / ops.where(norm > 0, norm, 1.0)
            return ops.cast(wide * factor, g.dtype), ops.zeros_like(eta)

        return w * 1, grad

    return identity(plain_tensor(kernel), plain_tensor(scale, "float32"))
