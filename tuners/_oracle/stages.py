"""The stages of a search: what is fixed in each of them, and which trials count there."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._oracle.evolution import Result
from keras_shiftadd.tuners._oracle.feasible import fit
from keras_shiftadd.tuners._space.genes import Architecture, Values
from keras_shiftadd.tuners.augmentation_space import AugmentationSpace

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget
    from keras_shiftadd.tuners._space.search_space import SearchSpace

# Draws that look for a reference network, where the largest one cannot be made small enough.
_DRAWS = 200


@dataclass(frozen=True)
class Stage:
    """What one proposal may be made of.

    Args:
        index: number of the proposal in its stage, from 0.
        results: completed trials that count.
        fixed: values that hold.
        drawn: how many proposals of the stage are drawn before children are made, at most.
    """

    index: int
    results: Sequence[Result]
    fixed: Values
    drawn: int


class Stages:
    """The stages of a search over a space: one, or two with an `AugmentationSpace`.

    Args:
        space: the space.
        budget: what its trials keep.
        population_size: proposals that are drawn before children are made.
    """

    def __init__(self, space: "SearchSpace", budget: "Budget", population_size: int) -> None:
        self._space = space
        self._budget = budget
        self._population_size = population_size
        self._reference: Values | None = None

    def of(self, index: int, results: Sequence[Result]) -> Iterator[Stage]:
        """The stages that a proposal may come from, the first one that has a candidate.

        Args:
            index: number of the proposal, from 0.
            results: completed trials in the order in which they ended.
        """
        space = self._space
        if not isinstance(space, AugmentationSpace):
            yield Stage(index, results, {}, self._population_size)
            return
        reference = self._reference_values(space)
        first = [result for result in results if self._agrees(result, reference)]
        trials = space.first_stage_trials
        if index < trials:
            # Some trials of this stage have to be left for children.
            yield Stage(index, first, reference, min(self._population_size, -(-trials // 2)))
        widening: Values = {}
        if first:
            best = min(first, key=lambda result: result.loss)
            widening = space.widening(best.architecture)
        second = [result for result in results if self._agrees(result, widening)]
        yield Stage(max(0, index - trials), second, widening, self._population_size)

    def _agrees(self, result: Result, fixed: Values) -> bool:
        values = self._space.values(result.architecture)
        return all(values.get(name) in (None, value) for name, value in fixed.items())

    def _reference_values(self, space: AugmentationSpace) -> Values:
        """The tiny network of the first stage."""
        if self._reference is None:
            reference = space.reference or largest_within(space.tiny, self._budget)
            self._reference = space.tiny.values(reference)
        return self._reference


def largest_within(space: "SearchSpace", budget: "Budget") -> Architecture:
    """The largest architecture of the first operator, shrunk until a budget allows it."""
    rng = random.Random(0)
    found = fit(space, space.extreme(rng, largest=True), budget, rng)
    for _ in range(_DRAWS):
        if found is not None:
            return found
        found = fit(space, space.sample(rng), budget, rng)
    return next(a for a in space.cheapest(budget).values() if budget.allows(space.cost(a, budget)))


def check_reference(space: "SearchSpace", budget: "Budget | None") -> None:
    """Raises ValueError for a reference network that the budget does not allow."""
    if not isinstance(space, AugmentationSpace) or space.reference is None or budget is None:
        return
    cost = space.tiny.cost(space.reference, budget)
    if not budget.allows(cost):
        needed = ", ".join(
            f"{limit} {getattr(cost, limit):g} where at most {budget.limits[limit]:g} is allowed"
            for limit in budget.excess(cost)
        )
        raise ValueError(
            f"`reference` of the space must be within the budget. Received: {needed}. Pass "
            "`reference=None` to have the largest network that the budget allows."
        )
