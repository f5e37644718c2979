"""Architectures within a budget: how a candidate gets there, and whether any can."""

import random
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._space.genes import Architecture

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget
    from keras_shiftadd.tuners._space.search_space import SearchSpace

# Draws that look for an architecture within all limits at once, before a search begins.
_DRAWS = 200


def fit(
    space: "SearchSpace", architecture: Architecture, budget: "Budget", rng: random.Random
) -> Architecture | None:
    """The architecture, shrunk until the budget allows it; None where shrinking does not help."""
    current: Architecture | None = architecture
    while current is not None and not budget.allows(space.cost(current, budget)):
        current = space.shrink(current, rng, budget)
    return current


def check_possible(space: "SearchSpace", budget: "Budget") -> None:
    """Raises an error unless the space has an architecture within the budget.

    Raises:
        ValueError: If it has none; the message has the least cost under each limit.
    """
    cheapest = space.cheapest(budget)
    costs = {limit: space.cost(cheapest[limit], budget) for limit in budget.limits}
    if any(budget.allows(cost) for cost in costs.values()):
        return
    lines = [
        f"{limit} at most {allowed:g}, where the cheapest architecture needs "
        f"{getattr(costs[limit], limit):g}"
        for limit, allowed in budget.limits.items()
    ]
    too_low = [limit for limit in budget.limits if limit in budget.excess(costs[limit])]
    if not too_low:
        rng = random.Random(0)
        starts = [*cheapest.values(), *(space.sample(rng) for _ in range(_DRAWS))]
        if any(fit(space, start, budget, rng) is not None for start in starts):
            return
    reason = (
        f"{' and '.join(too_low)} cannot be met"
        if too_low
        else f"none of {len(starts)} architectures could be made to meet all limits together"
    )
    target = budget.target if isinstance(budget.target, str) else budget.target.name
    raise ValueError(
        "`budget` must allow at least one architecture of the space. "
        f"Received: {'; '.join(lines)} (target {target!r}, {budget.bits} bits): {reason}. "
        "Raise the budget, or pass a space with smaller choices (`widths`, `depths`, "
        "`expansions`)."
    )
