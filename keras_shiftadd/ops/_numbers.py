"""Arguments that are numbers: Python's or NumPy's, but no truth value. What is kept is Python's."""

from numbers import Integral, Real
from typing import Any


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_positive_integer(value: Any) -> bool:
    """Whether `value` is an integer above 0."""
    return is_integer(value) and value > 0


def plain(value: Any) -> Any:
    """Python's number for one of NumPy, and anything else as it is."""
    if is_integer(value):
        return int(value)
    return float(value) if is_number(value) else value


def positive(value: Any, name: str) -> int:
    """Returns `value` if it is a positive integer."""
    if not is_positive_integer(value):
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}.")
    return int(value)


def fraction(value: Any, name: str) -> float:
    """Returns `value` if it is a number from 0 to below 1."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(
            f"`{name}` must be a number from 0 to below 1. Received: {name}={value!r}."
        )
    return float(value)


def positive_number(value: Any, name: str) -> float | None:
    """Returns `value` if it is None or a positive number."""
    if value is None:
        return None
    if not is_number(value) or not value > 0:
        raise ValueError(f"`{name}` must be a positive number. Received: {name}={value!r}.")
    return float(value)


def not_negative(value: Any, name: str) -> float:
    """Returns `value` if it is a number from 0 on."""
    if not is_number(value) or not value >= 0:
        raise ValueError(f"`{name}` must be a number from 0 on. Received: {name}={value!r}.")
    return float(value)
