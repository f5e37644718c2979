"""What the checks of all operators share."""

from typing import Any, NoReturn

import numpy as np

from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Requantization

_LARGEST_SUM = 2**31


def fail(operator: Any, rule: str, received: str) -> NoReturn:
    """Raises a ValueError that names the operator, the rule, and what arrived."""
    kind, name = type(operator).__name__, getattr(operator, "name", "?")
    raise ValueError(f"{kind} '{name}': {rule}. Received: {received}.")


def require(operator: Any, kept: bool, rule: str, received: str) -> None:
    """Raises unless the rule is kept."""
    if not kept:
        fail(operator, rule, received)


def check_array(
    operator: Any, name: str, array: Any, dtype: type, shape: tuple[int, ...] | None
) -> None:
    """An array of a dtype and a shape."""
    right = isinstance(array, np.ndarray) and array.dtype == dtype
    right = right and (shape is None or array.shape == shape)
    wanted = "" if shape is None else f" of shape {shape}"
    received = type(array).__name__
    if isinstance(array, np.ndarray):
        received = f"{array.dtype} of shape {array.shape}"
    require(operator, right, f"`{name}` must be an array of {np.dtype(dtype)}{wanted}", received)


def check_shape(operator: Any, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """The shape of the output."""
    require(operator, tensor.shape == shape, f"its output must have shape {shape}", f"{tensor}")


def check_image(operator: Any, tensor: Tensor) -> None:
    """An image."""
    require(
        operator,
        len(tensor.shape) == 3,
        "its input must have a shape (rows, columns, channels)",
        f"{tensor}",
    )


def check_same_quantization(operator: Any, tensors: list[Tensor]) -> None:
    """Tensors of one scale and zero point."""
    first = tensors[0].quantization
    require(
        operator,
        all(tensor.quantization == first for tensor in tensors),
        "its inputs and its output must have one scale and one zero point",
        ", ".join(f"'{tensor.name}' {tensor.quantization}" for tensor in tensors),
    )


def check_clamp(operator: Any, low: int, high: int) -> None:
    """The limits of an output."""
    require(
        operator,
        -128 <= low <= high <= 127,
        "`low` and `high` must be in order, from -128 to 127",
        f"low={low}, high={high}",
    )


def check_requantization(
    operator: Any,
    requantization: Requantization,
    output: Tensor,
    sums: np.ndarray | int,
    channels: int | None = None,
) -> None:
    """A requantisation, and that the sums that it takes keep within 32 bits.

    Args:
        operator: The operator that it belongs to.
        requantization: What is checked.
        output: The tensor that it makes.
        sums: Largest magnitude of a sum, or one for each channel.
        channels: How many multipliers it must have at least, if more than one.
    """
    shape = requantization.multiplier.shape
    require(
        operator,
        shape in ((), (1,)) if channels is None else shape == (channels,),
        f"it must have {channels or 1} multipliers",
        f"multipliers of shape {shape}",
    )
    check_multiplier(
        operator,
        requantization.multiplier,
        requantization.shift,
        requantization.rounding,
        sums,
    )
    check_clamp(operator, requantization.low, requantization.high)
    require(
        operator,
        requantization.zero_point == output.quantization.zero_point,
        f"the zero point of its requantisation must be that of its output, "
        f"{output.quantization.zero_point}",
        f"{requantization.zero_point}",
    )


def check_multiplier(
    operator: Any, multiplier: Any, shift: Any, rounding: str, sums: np.ndarray | int
) -> None:
    """Multipliers and shifts of a rounding, for sums up to a magnitude."""
    check_array(operator, "multiplier", multiplier, np.int32, None)
    check_array(operator, "shift", shift, np.int32, multiplier.shape)
    require(
        operator,
        bool(np.all((shift >= 1) & (shift <= 62))),
        "shifts must be from 1 to 62",
        f"{shift.min()} to {shift.max()}",
    )
    require(
        operator,
        bool(np.all(np.asarray(sums) < _LARGEST_SUM)),
        "its sums must keep below 2**31 in magnitude",
        f"up to {np.max(sums)}",
    )
    require(
        operator,
        rounding in ("single", "double"),
        "`rounding` must be 'single' or 'double'",
        f"{rounding!r}",
    )
    if rounding == "double":
        m = multiplier.astype(np.int64)
        require(
            operator,
            bool(np.all(m >= 0)),
            "multipliers of double rounding must not be negative",
            f"{m.min()}",
        )
        shifted = np.asarray(sums, np.float64) * 2.0 ** np.maximum(31 - shift, 0)
        require(
            operator,
            bool(np.all(shifted < _LARGEST_SUM)),
            "sums times 2**(31 - shift) must keep below 2**31 in magnitude",
            f"up to {np.max(shifted):.4g}",
        )
