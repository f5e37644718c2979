"""Moves of a search through a space: architectures drawn, changed, crossed and made cheaper."""

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._space.choices import Choices
from keras_shiftadd.tuners._space.genes import Architecture, Gene, Value, Values

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget, Cost

# How often a mutation is drawn again where the repair of `total_depth` has undone it.
_MUTATIONS = 50


class Moves(Choices):
    """The moves of a search; each makes an architecture of the space.

    A subclass sets the attributes.
    """

    block: str
    if TYPE_CHECKING:
        cost: Callable[[Architecture, Budget], Cost]

    def sample(
        self,
        rng: random.Random,
        operator: str | None = None,
        fixed: Mapping[str, Value] | None = None,
    ) -> Architecture:
        """Draws an architecture, each choice uniformly.

        Args:
            rng: `random.Random`.
            operator: An operator for all blocks that offer it, or `None`.
            fixed: Values that hold, by the names of hyperparameters.

        Returns:
            An architecture.
        """

        def choose(gene: Gene) -> Value:
            return operator if operator in gene.choices else rng.choice(gene.choices)

        return self._finish(fixed or {}, choose, rng, fixed or ())

    def extreme(self, rng: random.Random, largest: bool) -> Architecture:
        """The largest or the smallest network.

        Args:
            rng: `random.Random`, for the operators of the smallest one and where `total_depth`
                leaves a choice.
            largest: Whether it has all widths, depths, kernel sizes and expansions at their
                largest and multiplies (the first operator) everywhere, or has them at their
                smallest and random operators.

        Returns:
            An architecture.
        """

        def choose(gene: Gene) -> Value:
            if isinstance(gene.choices[0], str):
                return gene.choices[0] if largest else rng.choice(gene.choices)
            wide = largest
            if self.block == "bottleneck" and gene.name.endswith("expansion"):
                wide = not largest  # the channels inside are divided by it
            return gene.choices[-1 if wide else 0]

        return self._finish({}, choose, rng)

    def mutate(
        self,
        architecture: Architecture,
        rng: random.Random,
        probability: float,
        fixed: Mapping[str, Value] | None = None,
    ) -> Architecture:
        """Draws some choices anew, at least one of them to another value.

        Args:
            architecture: An architecture of this space.
            rng: `random.Random`.
            probability: Float, for each choice.
            fixed: Values that hold, by the names of hyperparameters.

        Returns:
            A new architecture.
        """
        kept = fixed or {}
        before = {**self.values(architecture), **kept}
        free = [name for name in before if name not in kept]
        mutant = architecture
        for _ in range(_MUTATIONS):
            values = dict(before)
            changed = {name for name in free if rng.random() < probability}
            if free:
                changed.add(rng.choice(sorted(free)))
            for name in sorted(changed):
                others = [c for c in self._by_name[name].choices if c != values[name]]
                values[name] = rng.choice(others)
            mutant = self._finish(
                values, lambda gene: rng.choice(gene.choices), rng, {*changed, *kept}
            )
            if mutant != architecture:
                break
        return mutant

    def crossover(
        self,
        first: Architecture,
        second: Architecture,
        rng: random.Random,
        fixed: Mapping[str, Value] | None = None,
    ) -> Architecture:
        """Takes each choice from one of two parents, and repairs what does not fit together.

        Args:
            first: An architecture of this space.
            second: An architecture of this space.
            rng: `random.Random`.
            fixed: Values that hold, by the names of hyperparameters.

        Returns:
            A new architecture.
        """
        parents = [self.values(first), self.values(second)]
        kept = fixed or {}
        values: Values = {}
        for gene in self.genes:
            offered = [parent[gene.name] for parent in parents if gene.name in parent]
            if offered:
                values[gene.name] = rng.choice(offered)
        return self._finish({**values, **kept}, lambda gene: rng.choice(gene.choices), rng, kept)

    def shrink(
        self, architecture: Architecture, rng: random.Random, budget: "Budget"
    ) -> Architecture | None:
        """Moves one random choice so that less of a budget is exceeded.

        Args:
            architecture: An architecture of this space.
            rng: `random.Random`.
            budget: `keras_shiftadd.cost.Budget`.

        Returns:
            A new architecture, or `None` where no single choice lowers the excess.
        """
        before = _excess(budget, self.cost(architecture, budget))
        values = self.values(architecture)
        for name in rng.sample(sorted(values), len(values)):
            choices = self._by_name[name].choices
            place = choices.index(values[name])
            if isinstance(values[name], str):
                others = [c for c in choices if c != values[name]]
            else:
                others = [*choices[max(place - 1, 0) : place], *choices[place + 1 : place + 2]]
            for other in rng.sample(others, len(others)):
                candidate = self._finish(
                    {**values, name: other}, lambda gene: rng.choice(gene.choices), rng, {name}
                )
                if _excess(budget, self.cost(candidate, budget)) < before:
                    return candidate
        return None


def _excess(budget: "Budget", cost: "Cost") -> float:
    return sum(ratio - 1 for ratio in budget.excess(cost).values())
