"""Checks of the arguments of pruning schedules."""

from typing import Any

from keras_shiftadd.ops._numbers import is_integer, is_number, positive


def check_sparsity(value: Any, name: str) -> None:
    """Raises if a sparsity is not a number from 0 to below 1."""
    if not is_number(value) or not 0 <= value < 1:
        raise ValueError(
            f"`{name}` must be a number from 0 to below 1. Received: {name}={value!r}."
        )


def check_steps(begin_step: Any, end_step: Any, frequency: Any, may_be_open: bool) -> None:
    """Raises if the steps of a schedule do not follow each other."""
    for name, value in (("begin_step", begin_step), ("end_step", end_step)):
        if not is_integer(value):
            raise ValueError(f"`{name}` must be an integer. Received: {name}={value!r}.")
    positive(frequency, "frequency")
    is_open = may_be_open and end_step == -1
    if begin_step < 0 or not (is_open or end_step >= begin_step):
        raise ValueError(
            "`begin_step` must not be negative, nor `end_step` before it"
            f"{', or -1 for the end of the training' if may_be_open else ''}. "
            f"Received: begin_step={begin_step}, end_step={end_step}."
        )
