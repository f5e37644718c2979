"""Power-of-two weights: the three forms of a shift layer's kernel."""

import math
from typing import Any

from keras import ops

from keras_shiftadd.ops._numbers import is_integer
from keras_shiftadd.ops._tensors import wide_tensor

# 2**-126 is the smallest normal float32. Backends flush smaller numbers to zero or not, as they
# like, so a kernel never uses them.
_LOWEST_EXPONENT = -126
_HIGHEST_EXPONENT = 127


def quantized_exponents(weight_bits: int, max_exponent: int = 0) -> range:
    """Returns the exponents of the `"quantized"` and `"dense"` forms, in increasing order.

    One bit of a weight is its sign; the others count `2 ** (weight_bits - 1)` exponents down from
    `max_exponent`, not below the smallest normal float32.

    Args:
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        A `range` of integers.

    Raises:
        ValueError: If `weight_bits` or `max_exponent` is out of range.

    Example:

    >>> list(keras_shiftadd.ops.quantized_exponents(3))
    [-3, -2, -1, 0]
    """
    _check_bits(weight_bits, max_exponent)
    max_exponent = int(max_exponent)  # it may be NumPy's
    lowest = max_exponent - 2 ** (int(weight_bits) - 1) + 1
    return range(max(lowest, _LOWEST_EXPONENT), max_exponent + 1)


def sign_exponent_exponents(weight_bits: int, max_exponent: int = 0) -> range:
    """Returns the exponents of the `"sign_exponent"` form, in increasing order.

    As this form has a zero, there is one exponent less than in the other forms.

    Args:
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        A `range` of integers.

    Raises:
        ValueError: If `weight_bits` or `max_exponent` is out of range.

    Example:

    >>> list(keras_shiftadd.ops.sign_exponent_exponents(3))
    [-2, -1, 0]
    """
    exponents = quantized_exponents(weight_bits, max_exponent)
    full = 2 ** (weight_bits - 1)
    return exponents[1:] if len(exponents) == full else exponents


def round_to_power_of_two(inputs: Any, weight_bits: int = 5, max_exponent: int = 0) -> Any:
    """Rounds each number to the nearest signed power of two, on the scale of exponents.

    `sign(w) * 2 ** round(log2 |w|)`, the exponent limited to
    `[max_exponent - 2 ** (weight_bits - 1) + 1, max_exponent]`. Zero stays zero. The gradient is
    the identity (straight-through). The rounding compares with fixed thresholds and reads the
    powers from a table, so that every backend and every run of it gives the same bits.

    Args:
        inputs: Float tensor of any shape.
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        A float32 tensor (float64 for float64 inputs) of the same shape.

    Raises:
        ValueError: If `weight_bits` or `max_exponent` is out of range.

    Example:

    >>> keras_shiftadd.ops.round_to_power_of_two([0.3, -0.7, 5.0, 0.0])
    [0.25, -0.5, 1.0, 0.0]

    Reference:
        - [Elhoushi et al., 2021, DeepShift](https://arxiv.org/abs/1905.13298), section 3.1.
    """
    powers = [2.0**exponent for exponent in quantized_exponents(weight_bits, max_exponent)]
    inputs = wide_tensor(inputs)
    # |w| rounds up from 2**e to 2**(e + 1) at their geometric mean.
    thresholds = [power / math.sqrt(2.0) for power in powers[1:]]
    thresholds = ops.convert_to_tensor(thresholds, dtype=inputs.dtype)
    magnitudes = ops.abs(inputs)
    index = ops.searchsorted(thresholds, ops.reshape(magnitudes, (-1,)), side="right")
    rounded = ops.take(ops.convert_to_tensor(powers, dtype=inputs.dtype), index, axis=0)
    rounded = ops.reshape(rounded, inputs.shape) * ops.sign(inputs)
    # searchsorted places NaN at one end or the other: a NaN weight must stay visible.
    rounded = ops.where(ops.isnan(inputs), inputs, rounded)
    return straight_through(inputs, rounded)


def power_of_two_from_sign_exponent(
    sign: Any, exponent: Any, weight_bits: int = 5, max_exponent: int = 0
) -> Any:
    """Builds ternary-signed power-of-two weights from two trained tensors.

    `w = sign(round(s)) * 2 ** round(p)`. The gradient of `p` is `g * w * ln 2`, that of `s` is `g`;
    rounding is straight-through.

    Args:
        sign: Float tensor, `s`. Rounds to zero between -0.5 and 0.5.
        exponent: Float tensor of the same shape, `p`. Limited to
            `[max_exponent - 2 ** (weight_bits - 1) + 2, max_exponent]`; beyond it the gradient
            passes unchanged.
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        A float32 tensor (float64 for float64 inputs) of the same shape.

    Raises:
        ValueError: If `weight_bits` or `max_exponent` is out of range.

    Example:

    >>> keras_shiftadd.ops.power_of_two_from_sign_exponent([0.9, -0.9, 0.1], [-1.2, -3.0, -2.0])
    [0.5, -0.125, 0.0]

    Reference:
        - [Elhoushi et al., 2021, DeepShift](https://arxiv.org/abs/1905.13298), section 3.2.
    """
    sign, exponent = wide_tensor(sign), wide_tensor(exponent)
    exponents = sign_exponent_exponents(weight_bits, max_exponent)
    magnitudes = _table_power(exponent, exponents)
    weights = ops.stop_gradient(ops.sign(ops.round(sign)) * magnitudes)
    return _with_slopes(weights, (sign, 1.0), (exponent, weights * math.log(2.0)))


def zero_free_power_of_two(
    sign: Any, exponent: Any, weight_bits: int = 3, max_exponent: int = 0
) -> Any:
    """Builds power-of-two weights without a zero from two trained tensors.

    `w = 2 ** round(p)` where `s >= 0`, and minus that elsewhere. No code is spent on zero, so all
    `2 ** weight_bits` codes are used. Gradients as in `power_of_two_from_sign_exponent`, but that
    of `s` is scaled by the magnitude: flipping the sign of a large weight matters more.

    Args:
        sign: Float tensor, `s`.
        exponent: Float tensor of the same shape, `p`. Limited to
            `[max_exponent - 2 ** (weight_bits - 1) + 1, max_exponent]`.
        weight_bits: Integer, 2 to 8.
        max_exponent: Integer, the exponent of the largest magnitude.

    Returns:
        A float32 tensor (float64 for float64 inputs) of the same shape, nowhere zero.

    Raises:
        ValueError: If `weight_bits` or `max_exponent` is out of range.

    Example:

    >>> keras_shiftadd.ops.zero_free_power_of_two([0.1, -0.1], [-1.2, -3.0])
    [0.5, -0.125]

    Reference:
        - [Li et al., 2023, DenseShift](https://arxiv.org/abs/2208.09708), the zero-free shift and
        the decomposition into sign and scale.
    """
    sign, exponent = wide_tensor(sign), wide_tensor(exponent)
    exponents = quantized_exponents(weight_bits, max_exponent)
    magnitudes = ops.stop_gradient(_table_power(exponent, exponents))
    weights = ops.where(sign < 0, -magnitudes, magnitudes)
    weights = ops.stop_gradient(ops.where(ops.isnan(sign), sign, weights))
    return _with_slopes(weights, (sign, magnitudes), (exponent, weights * math.log(2.0)))


def straight_through(inputs: Any, outputs: Any) -> Any:
    """Returns exactly `outputs`, with the gradient of the identity in `inputs`."""
    return _with_slopes(ops.stop_gradient(outputs), (inputs, 1.0))


def _with_slopes(outputs: Any, *terms: tuple[Any, Any]) -> Any:
    """Adds zeros to `outputs` that carry a slope for each (tensor, slope)."""
    for tensor, slope in terms:
        zero = tensor - ops.stop_gradient(tensor)
        # An infinite weight gives inf - inf here; its forward value has been limited already.
        zero = ops.where(ops.isfinite(ops.stop_gradient(tensor)), zero, ops.zeros_like(zero))
        outputs = outputs + zero * slope
    return outputs


def _table_power(exponent: Any, exponents: range) -> Any:
    """2 ** round(exponent) within `exponents`, NaN where `exponent` is."""
    table = [2.0**e for e in exponents]
    bounded = ops.clip(exponent, float(exponents[0]), float(exponents[-1]))
    bounded = ops.where(ops.isnan(exponent), float(exponents[0]), bounded)
    index = ops.cast(ops.round(bounded), "int32") - exponents[0]
    powers = ops.take(ops.convert_to_tensor(table, dtype=exponent.dtype), index, axis=0)
    return ops.where(ops.isnan(exponent), exponent, powers)


def _check_bits(weight_bits: int, max_exponent: int) -> None:
    if not is_integer(weight_bits):
        raise ValueError(
            f"`weight_bits` must be an integer from 2 to 8. Received: weight_bits={weight_bits!r}."
        )
    if not 2 <= weight_bits <= 8:
        raise ValueError(f"`weight_bits` must be from 2 to 8. Received: weight_bits={weight_bits}.")
    if not is_integer(max_exponent):
        raise ValueError(
            f"`max_exponent` must be an integer. Received: max_exponent={max_exponent!r}."
        )
    if not _LOWEST_EXPONENT <= max_exponent <= _HIGHEST_EXPONENT:
        raise ValueError(
            f"`max_exponent` must be from {_LOWEST_EXPONENT} to {_HIGHEST_EXPONENT}, the "
            f"exponents of float32. Received: max_exponent={max_exponent}."
        )
