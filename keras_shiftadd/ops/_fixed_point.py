"""Fixed-point activations."""

from typing import Any

from keras import ops

from keras_shiftadd.ops._numbers import is_integer
from keras_shiftadd.ops._power_of_two import straight_through
from keras_shiftadd.ops._tensors import plain_tensor, wide_tensor


def round_to_fixed_point(inputs: Any, integer_bits: int = 16, fraction_bits: int = 16) -> Any:
    """Rounds down to a multiple of `2 ** -fraction_bits`, in two's complement range.

    `floor(x * 2^f) / 2^f`, limited to `[-2^(i-1), 2^(i-1) - 2^-f]` (the sign is one of the `i`
    integer bits). The gradient is the identity (straight-through). Where float32 cannot hold all
    `i + f` bits, the result is the float32 next to the fixed-point number.

    Args:
        inputs: Float tensor of any shape.
        integer_bits: Integer, 1 to 32.
        fraction_bits: Integer, 0 to 32.

    Returns:
        Tensor of the same shape, in the dtype of `inputs`.

    Raises:
        ValueError: If a number of bits is out of range.

    Example:

    >>> keras_shiftadd.ops.round_to_fixed_point([0.3, -0.3, 9.0], integer_bits=3, fraction_bits=2)
    [0.25, -0.5, 3.75]

    Reference:
        - [Elhoushi et al., 2021, DeepShift](https://arxiv.org/abs/1905.13298), section 5.
    """
    check_fixed_point_bits(integer_bits, fraction_bits)
    inputs = plain_tensor(inputs)
    wide = wide_tensor(inputs)
    limit = 2.0 ** (integer_bits - 1)
    step = 2.0**-fraction_bits
    rounded = ops.clip(ops.floor(wide / step) * step, -limit, limit - step)
    return straight_through(inputs, ops.cast(rounded, inputs.dtype))


def check_fixed_point_bits(integer_bits: int, fraction_bits: int) -> None:
    """Raises if the numbers of bits of a fixed-point format are out of range.

    Args:
        integer_bits: Integer, 1 to 32, the sign included.
        fraction_bits: Integer, 0 to 32.

    Raises:
        ValueError: If one of them is something else.

    Example:

    >>> keras_shiftadd.ops.check_fixed_point_bits(16, 16)
    """
    for name, bits, low in (("integer_bits", integer_bits, 1), ("fraction_bits", fraction_bits, 0)):
        if not is_integer(bits) or not low <= bits <= 32:
            raise ValueError(
                f"`{name}` must be an integer from {low} to 32. Received: {name}={bits!r}."
            )
