"""The slots of an optimiser that belong to a weight: momentum, averages of squares and the like."""

from collections.abc import Iterable
from typing import Any

import keras

Slots = dict[int, dict[str, keras.Variable]]
"""By the id of a weight and the name of the slot."""


def slots_of(optimizer: Any, variables: Iterable[Any]) -> Slots:
    """The slots of some weights, those of their own shape.

    Args:
        optimizer: a built optimiser.
        variables: weights that it moves.

    Returns:
        Names and variables by the id of the weight; a weight without slots is not there.
    """
    # Keras names a slot by the path of its weight. Weights of one path come in one order.
    by_path: dict[str, list[Any]] = {}
    for variable in variables:
        by_path.setdefault(variable.path.replace("/", "_"), []).append(variable)
    found: Slots = {}
    seen: dict[str, int] = {}
    for slot in optimizer.variables:
        paths = [path for path in by_path if slot.name.startswith(f"{path}_")]
        if not paths:
            continue
        path = max(paths, key=len)
        number = seen.get(slot.name, 0)
        seen[slot.name] = number + 1
        variable = by_path[path][min(number, len(by_path[path]) - 1)]
        if tuple(slot.shape) == tuple(variable.shape):
            found.setdefault(id(variable), {})[slot.name[len(path) + 1 :]] = slot
    return found
