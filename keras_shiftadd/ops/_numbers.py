"""What counts as a number in an argument: Python's and NumPy's, but no truth value."""

from numbers import Integral, Real
from typing import Any


def is_integer(value: Any) -> bool:
    """Whether `value` is an integer."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether `value` is a real number."""
    return isinstance(value, Real) and not isinstance(value, bool)
