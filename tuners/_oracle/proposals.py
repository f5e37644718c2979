"""What a search has proposed: each trial's architecture, its costs and where it comes from."""

import dataclasses
import itertools
import json
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_shiftadd.tuners._oracle.enumeration import all_architectures, neighbours
from keras_shiftadd.tuners._oracle.evolution import Candidate, Result, Strategy
from keras_shiftadd.tuners._oracle.feasible import fit
from keras_shiftadd.tuners._oracle.stages import Stages
from keras_shiftadd.tuners._space.genes import Architecture, Values

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget
    from keras_shiftadd.tuners._space.search_space import SearchSpace

# Draws of one proposal before it is looked for among what is left.
_DRAWS = 250
# Architectures of a space that is small enough to be listed.
_LISTED = 20_000


class Proposals:
    """The proposals of a search, each within the budget and unlike the others.

    Args:
        space: what is searched.
        budget: `Budget` that all keep.
        strategy: how candidates are made.
    """

    def __init__(self, space: "SearchSpace", budget: "Budget", strategy: Strategy) -> None:
        self._space = space
        self._budget = budget
        self._strategy = strategy
        self._stages = Stages(space, budget, strategy.population_size)
        self._records: dict[str, dict[str, Any]] = {}
        self._keys: set[str] = set()
        self._listed: list[tuple[str, Candidate]] | None = None

    def propose(
        self, trial_id: str, seed: int, index: int, results: Sequence[Result]
    ) -> Values | None:
        """The values of a new trial; None where nothing new is left.

        Each proposal has a generator of its own, so it depends on nothing but its arguments and
        the proposals before it.
        """
        rng = random.Random(f"{seed}:{index}")
        for stage in self._stages.of(index, results):
            candidates = self._strategy.candidates(self._space, stage, rng)
            for candidate in itertools.islice(candidates, _DRAWS):
                architecture = fit(self._space, candidate.architecture, self._budget, rng)
                if architecture is None:
                    continue
                key = self._key(architecture)
                if key not in self._keys:
                    found = candidate._replace(architecture=architecture)
                    return self._accept(trial_id, key, found)
        left = self._from_list(rng)
        if self._listed is None:
            left = self._beside_tried(rng)
        return self._accept(trial_id, *left) if left else None

    def restore(self, trial_id: str, values: Values, entry: dict[str, Any] | None) -> None:
        """Takes a trial over that an earlier process proposed.

        Args:
            trial_id: its id.
            values: its hyperparameters.
            entry: what `state` holds of it, if anything.
        """
        architecture = self._space.architecture(values)
        self._keys.add(self._key(architecture))
        record = {"origin": "random", "parents": [], "cost": None, **(entry or {})}
        record |= {"trial_id": trial_id, "architecture": architecture}
        if record["cost"] is None:
            record["cost"] = self._cost(architecture)
        self._records[trial_id] = record

    def record(self, trial_id: str) -> dict[str, Any]:
        """A trial's id, architecture, cost, origin and parents."""
        return self._records[trial_id]

    def state(self) -> list[dict[str, Any]]:
        """What `restore` takes, without the architectures: the trials' own files hold those."""
        return [
            {key: value for key, value in record.items() if key != "architecture"}
            for record in self._records.values()
        ]

    def clear(self) -> None:
        """Forgets all proposals."""
        self._records, self._keys, self._listed = {}, set(), None

    def _accept(self, trial_id: str, key: str, candidate: Candidate) -> Values:
        self._keys.add(key)
        self._records[trial_id] = {
            "trial_id": trial_id,
            "architecture": candidate.architecture,
            "cost": self._cost(candidate.architecture),
            "origin": candidate.origin,
            "parents": list(candidate.parents),
        }
        return self._space.values(candidate.architecture)

    def _from_list(self, rng: random.Random) -> tuple[str, Candidate] | None:
        """One of what is left of a small space; sets `_listed` if the space is small."""
        if self._listed is None:
            found = all_architectures(self._space, _LISTED)
            if found is None:
                return None
            unique = {self._key(architecture): architecture for architecture in found}
            self._listed = [
                (key, Candidate(architecture, "random"))
                for key, architecture in unique.items()
                if self._allows(architecture)
            ]
        left = [entry for entry in self._listed if entry[0] not in self._keys]
        return rng.choice(left) if left else None

    def _beside_tried(self, rng: random.Random) -> tuple[str, Candidate] | None:
        """One that differs from a trial in one choice: few draws fit in a tight budget."""
        for trial_id in rng.sample(list(self._records), len(self._records)):
            for architecture in neighbours(self._space, self._records[trial_id]["architecture"]):
                key = self._key(architecture)
                if key not in self._keys and self._allows(architecture):
                    return key, Candidate(architecture, "mutation", (trial_id,))
        return None

    def _allows(self, architecture: Architecture) -> bool:
        return self._budget.allows(self._space.cost(architecture, self._budget))

    def _key(self, architecture: Architecture) -> str:
        return json.dumps(self._space.values(architecture), sort_keys=True)

    def _cost(self, architecture: Architecture) -> dict[str, float | None]:
        cost = dataclasses.asdict(self._space.cost(architecture, self._budget))
        return {name: cost[name] for name in ("energy_uj", "instructions", "flash", "ram")}
