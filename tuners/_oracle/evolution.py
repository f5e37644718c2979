"""How a search proposes architectures: at random, or from the best (or latest) of those tried."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from keras_shiftadd.tuners._space.genes import Architecture, Values

if TYPE_CHECKING:
    from keras_shiftadd.tuners._oracle.stages import Stage
    from keras_shiftadd.tuners._space.search_space import SearchSpace

METHODS = ("evolution", "regularized_evolution", "random")
PARENT_SELECTIONS = ("top", "tournament")

# Children that are drawn before another way of drawing is tried.
_CHILDREN = 25


class Result(NamedTuple):
    """A completed trial; less loss is better."""

    trial_id: str
    architecture: Architecture
    loss: float


class Candidate(NamedTuple):
    """An architecture that may become a trial, and where it comes from."""

    architecture: Architecture
    origin: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strategy:
    """The settings of a search; `HybridOracle` describes them.

    Args:
        method: one of `METHODS`.
        population_size: trials that count as the population.
        num_parents: the best of the population, which become parents under `"top"`.
        parent_selection: one of `PARENT_SELECTIONS`.
        tournament_size: trials of a tournament.
        mutation_probability: probability that a choice of a mutated architecture is drawn anew.
        crossover_share: share of crossovers among children.
        restart_share: share of random architectures after the first population.
        single_operator_share: share of the first population with one operator throughout.
    """

    method: str
    population_size: int
    num_parents: int
    parent_selection: str
    tournament_size: int
    mutation_probability: float
    crossover_share: float
    restart_share: float
    single_operator_share: float

    def population(self, results: Sequence[Result]) -> list[Result]:
        """The members, best first.

        Args:
            results: completed trials in the order in which they ended.
        """
        members = list(results)
        if self.method == "regularized_evolution":
            members = members[-self.population_size :]
        return sorted(members, key=lambda result: result.loss)[: self.population_size]

    def candidates(
        self, space: "SearchSpace", stage: "Stage", rng: random.Random
    ) -> Iterator[Candidate]:
        """Yields architectures for one proposal, without end; the first that will do is taken.

        Args:
            space: the space.
            stage: the stage of the search that the proposal belongs to.
            rng: the proposal's own generator.
        """
        population = self.population(stage.results)
        origin = "random"
        if self.method != "random" and stage.index >= stage.drawn and population:
            top = self.parent_selection == "top"
            pool = population[: self.num_parents] if top else population
            origin = self._origin(len(pool), rng)
            if origin == "crossover":
                for _ in range(_CHILDREN):
                    yield self._child(space, pool, origin, rng, stage.fixed)
                # Parents that are much alike have no new children.
                origin = "mutation"
            if origin == "mutation":
                for _ in range(_CHILDREN):
                    yield self._child(space, pool, origin, rng, stage.fixed)
                origin = "restart"
        while True:
            single = origin == "random" and rng.random() < self.single_operator_share
            operator = rng.choice(space.operators) if single else None
            yield Candidate(space.sample(rng, operator, stage.fixed), origin)

    def _origin(self, parents: int, rng: random.Random) -> str:
        if rng.random() < self.restart_share:
            return "restart"
        if rng.random() < self.crossover_share and parents > 1:
            return "crossover"
        return "mutation"

    def _child(
        self,
        space: "SearchSpace",
        pool: list[Result],
        origin: str,
        rng: random.Random,
        fixed: Values,
    ) -> Candidate:
        first = self._parent(pool, rng)
        if origin == "mutation":
            child = space.mutate(first.architecture, rng, self.mutation_probability, fixed)
            return Candidate(child, origin, (first.trial_id,))
        second = self._parent([r for r in pool if r.trial_id != first.trial_id], rng)
        child = space.crossover(first.architecture, second.architecture, rng, fixed)
        return Candidate(child, origin, (first.trial_id, second.trial_id))

    def _parent(self, pool: list[Result], rng: random.Random) -> Result:
        """One of those that may be parents, which are sorted, best first."""
        if self.parent_selection == "top":
            return rng.choice(pool)
        size = min(self.tournament_size, len(pool))
        return pool[min(rng.sample(range(len(pool)), size))]
