"""Arguments that hold for all blocks of a model, or for each."""

from collections.abc import Sequence
from typing import Any


def each(
    value: Any, count: int, name: str, sequences: tuple[type, ...] = (tuple, list)
) -> list[Any]:
    """Returns `value` for each of `count` blocks.

    Args:
        value: One value for all blocks, or a sequence of one a block.
        count: Number of blocks.
        name: Name of the argument.

    Raises:
        ValueError: If there are not as many values as blocks.
    """
    if not isinstance(value, tuple | list):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"`{name}` must be one value, or one for each of the {count} blocks. "
            f"Received: {name}={value!r}."
        )
    return list(value)


def operators_argument(value: Any, name: str) -> tuple[str, ...]:
    """Returns the operators of the blocks, of which there must be at least one."""
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError(
            f"`{name}` must be a sequence with the operator of each block, such as "
            f'("attention",) * 6. Received: {name}={value!r}.'
        )
    return tuple(value)
