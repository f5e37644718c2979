"""HybridOracle."""

import json
from typing import TYPE_CHECKING, Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_shiftadd.ops._numbers import plain, positive
from keras_shiftadd.tuners._oracle.arguments import check_strategy
from keras_shiftadd.tuners._oracle.durable import DurableOracle
from keras_shiftadd.tuners._oracle.evolution import Result
from keras_shiftadd.tuners._oracle.feasible import check_possible
from keras_shiftadd.tuners._oracle.proposals import Proposals
from keras_shiftadd.tuners._oracle.stages import check_reference
from keras_shiftadd.tuners.pareto import pareto_front

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget
    from keras_shiftadd.tuners._space.search_space import SearchSpace

_UNLIMITED = 1e30
_COSTS = ("energy_uj", "instructions", "flash", "ram")


class HybridOracle(DurableOracle):
    """Proposes architectures of a space to a KerasTuner `Tuner`, all within a budget.

    An architecture above the budget never becomes a trial: it is shrunk, choice by choice, or
    drawn again. No architecture becomes a trial twice; when a space has no other left, the search
    stops and says so.

    `"evolution"` draws the first `population_size` architectures at random. After that each
    proposal is a child of the best trials so far, without waiting for a generation to end.
    `"regularized_evolution"` takes the latest trials for the population, so that the old ones die
    however good they are. `"random"` only draws.

    A search goes on where it was killed: what it proposes depends on the seed, the number of the
    proposal and the results before it, and every change is saved. With a chief and workers, the
    trial of a worker that died is given to another one, and a result that arrives late is not
    counted twice.

    A search over an `AugmentationSpace` has two stages. In the first one, of its
    `first_stage_trials`, all trials have one tiny network, and the factors of the wide network are
    proposed; in the second one all have the best factors so far, and tiny networks are. In each,
    children come from its own trials.

    Args:
        space: `HybridSpace`, `AugmentationSpace` or `TranslationSpace`.
        objective: String or `keras_tuner.Objective`: what to maximize or minimize; one.
        budget: `keras_shiftadd.cost.Budget`. `None` allows everything, and reports costs on
            `"asic-45nm"` at 8 bits.
        method: `"evolution"`, `"regularized_evolution"` or `"random"`.
        max_trials: Integer, number of architectures to try, or `None` for no end.
        population_size: Integer, trials that count as the population.
        num_parents: Integer, how many of the best of them become parents under `"top"`.
        parent_selection: `"top"` draws a parent from the best `num_parents` of the population;
            `"tournament"` takes the best of `tournament_size` random members. `None` means
            `"top"` for `"evolution"`, `"tournament"` for `"regularized_evolution"`.
        tournament_size: Integer, members of a tournament.
        mutation_probability: Float, probability that a choice of a mutated architecture is drawn
            anew; at least one is.
        crossover_share: Float, share of children that come from two parents; the others are
            mutations. `None` means 0.5 for `"evolution"`, 0 for `"regularized_evolution"`.
        restart_share: Float, share of random architectures after the first population. `None`
            means 0.2 for `"evolution"`, 0 for `"regularized_evolution"`.
        single_operator_share: Float, share of the first population that has one operator in all
            blocks that offer it. Among uniform draws such networks are rare, and a search that
            has not seen them may end below them. `None` means 0.5, and 0 for `"random"`.
        seed: Integer. `None` draws one.
        trial_timeout: Float, seconds of silence after which a worker counts as dead and its trial
            goes to another. `None` means 60 for workers that send signs of life while they run a
            trial, as those of this package do, and no limit for others.
        max_retries_per_trial: Integer, how often a trial is run again that raised an error or
            whose score is not a number.
        max_consecutive_failed_trials: Integer, number of failed trials in a row that ends the
            search with an error.

    Raises:
        ValueError: If an argument is out of its range, if no architecture is within the budget
            (the message has the cheapest one's cost), or on resuming the project of another space
            or budget.

    Example:

    >>> oracle = keras_shiftadd.tuners.HybridOracle(
    ...     keras_shiftadd.tuners.HybridSpace((32, 32, 3), num_classes=10),
    ...     objective="val_accuracy",
    ...     budget=keras_shiftadd.cost.Budget(energy_uj=20.0),
    ...     max_trials=200,
    ... )

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119).
        - [Real et al., 2019](https://arxiv.org/abs/1802.01548), for regularized evolution.
    """

    def __init__(
        self,
        space: "SearchSpace",
        objective: Any,
        budget: "Budget | None" = None,
        method: str = "evolution",
        max_trials: int | None = 1000,
        population_size: int = 50,
        num_parents: int = 10,
        parent_selection: str | None = None,
        tournament_size: int = 5,
        mutation_probability: float = 0.2,
        crossover_share: float | None = None,
        restart_share: float | None = None,
        single_operator_share: float | None = None,
        seed: int | None = None,
        trial_timeout: float | None = None,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
    ) -> None:
        from keras_shiftadd.cost import Budget

        if isinstance(objective, list | tuple):
            raise ValueError(
                "`objective` must be one: costs are limited by `budget`, and other metrics are "
                f"recorded beside it. Received: objective={objective}"
            )
        if max_trials is not None:
            max_trials = positive(max_trials, "max_trials")
        strategy = check_strategy(
            method,
            population_size,
            num_parents,
            parent_selection,
            tournament_size,
            mutation_probability,
            crossover_share,
            restart_share,
            single_operator_share,
        )
        self.space = space
        self.budget = budget
        self.method = method
        if budget is None:
            # Costs are asked for with a budget; this one no architecture exceeds.
            self._priced_by = Budget(flash=_UNLIMITED)
        else:
            self._priced_by = budget
            check_possible(space, budget)
            check_reference(space, budget)
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=space.hyperparameters(),
            # What a model asks for beyond the space keeps its default.
            tune_new_entries=False,
            seed=plain(seed),
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
            trial_timeout=trial_timeout,
        )
        self._strategy = strategy
        self._proposals = Proposals(space, self._priced_by, strategy)

    # Proposals.

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Proposes the values of a trial; KerasTuner calls it.

        Args:
            trial_id: String, id of the new trial.

        Returns:
            A dictionary with `"status"` and, if that is `"RUNNING"`, `"values"`.
        """
        try:
            values = self._proposals.propose(
                trial_id, self.seed, len(self.start_order), self._results()
            )
        except Exception as error:
            # KerasTuner holds its lock here; `create_trial` raises the error.
            self._error = error
            return {"status": TrialStatus.IDLE}
        if values is not None:
            return {"status": TrialStatus.RUNNING, "values": values}
        within = "" if self.budget is None else " within the budget"
        self.stop_reason = (
            f"Search stopped after {len(self.trials)} trials: no other architecture{within} was "
            "found in the space."
        )
        print(self.stop_reason)
        return {"status": TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED}

    def _results(self) -> list[Result]:
        sign = -1.0 if self.objective.direction == "max" else 1.0
        return [
            Result(trial_id, self._proposals.record(trial_id)["architecture"], sign * trial.score)
            for trial_id in self.end_order
            if (trial := self.trials[trial_id]).status == TrialStatus.COMPLETED
        ]

    # Results.

    def history(self) -> list[dict[str, Any]]:
        """All trials, in the order in which they began.

        Returns:
            A list of dictionaries of plain values: `"trial_id"`, `"architecture"`, `"score"`
            (`None` unless completed), `"cost"` (by name), `"status"`, `"origin"` (`"random"`,
            `"restart"`, `"mutation"`, `"crossover"`) and `"parents"` (ids).
        """
        with self._own_lock:
            return [self._record(trial_id) for trial_id in self.start_order]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """The completed trials with the best scores; of equal ones, the cheapest first.

        Args:
            num_trials: Integer, at most how many.

        Returns:
            A list of `keras_tuner.engine.trial.Trial`.
        """
        sign = -1.0 if self.objective.direction == "max" else 1.0

        def rank(record: dict[str, Any]) -> tuple[float, float, str]:
            cost = record["cost"][self._main_cost(record)]
            return sign * record["score"], cost, record["trial_id"]

        with self._own_lock:
            completed = [r for r in self.history() if r["status"] == TrialStatus.COMPLETED]
            best = sorted(completed, key=rank)[:num_trials]
            return [self.trials[record["trial_id"]] for record in best]

    def pareto_front(self, cost_name: str | None = None) -> list[dict[str, Any]]:
        """The completed trials that no other one beats in score and cost at once.

        Args:
            cost_name: `"energy_uj"`, `"instructions"`, `"flash"` or `"ram"`. `None` takes the
                first limit of the budget, or the first that the target has.

        Returns:
            Dictionaries as in `history`, by rising cost.
        """
        with self._own_lock:
            completed = [r for r in self.history() if r["status"] == TrialStatus.COMPLETED]
            if not completed:
                return []
            name = cost_name or self._main_cost(completed[0])
            return pareto_front(completed, name, maximize=self.objective.direction == "max")

    def _record(self, trial_id: str) -> dict[str, Any]:
        trial = self.trials[trial_id]
        score = float(trial.score) if trial.status == TrialStatus.COMPLETED else None
        return {**self._proposals.record(trial_id), "score": score, "status": trial.status}

    def _main_cost(self, record: dict[str, Any]) -> str:
        if self.budget is not None:
            return next(iter(self.budget.limits))
        return next(name for name in _COSTS if record["cost"][name] is not None)

    # State.

    def get_state(self) -> dict[str, Any]:
        """What is saved.

        Returns:
            KerasTuner's state and, under `"hybrid"`, this search's.
        """
        population = self._strategy.population(self._results())
        return {
            **super().get_state(),
            "hybrid": {
                "made_for": self._made_for(),
                "proposals": len(self.start_order),
                "population": [member.trial_id for member in population],
                "pareto_front": self.pareto_front(),
                "trials": self._proposals.state(),
            },
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what was saved.

        Args:
            state: What `get_state` returned.

        Raises:
            ValueError: If it was saved by a search over another space or with another budget.
        """
        hybrid = state["hybrid"]
        changed = [
            name
            for name, value in self._made_for().items()
            if json.dumps(value, sort_keys=True)
            != json.dumps(hybrid["made_for"].get(name), sort_keys=True)
        ]
        if changed:
            raise ValueError(
                "A search must be resumed with the space, budget and objective it began with. "
                f"Received another {' and '.join(changed)} than the project at "
                f"{self._project_dir} has. Pass another `project_name`, or `overwrite=True`."
            )
        super().set_state(state)
        entries = {entry["trial_id"]: entry for entry in hybrid["trials"]}
        self._proposals.clear()
        for trial_id in self.start_order:
            values = self.trials[trial_id].hyperparameters.values
            self._proposals.restore(trial_id, values, entries.get(trial_id))

    def _simplify(self, trial: Trial) -> None:
        """Lists the active hyperparameters of a trial only, as choices that always hold.

        That is all a trial needs, makes messages small, and KerasTuner prints a line for each
        condition that it sends.
        """
        values = trial.hyperparameters.values
        active = keras_tuner.HyperParameters()
        for gene in self.space.genes:
            if gene.name in values:
                active.Choice(gene.name, list(gene.choices))
        active.values.update(values)
        trial.hyperparameters = active

    def _describe_budget(self) -> dict[str, Any] | None:
        budget = self.budget
        if budget is None:
            return None
        target = budget.target if isinstance(budget.target, str) else budget.target.name
        described = {"target": target, "bits": budget.bits, "accounting": budget.accounting}
        return {**budget.limits, **described}

    def _made_for(self) -> dict[str, Any]:
        return {
            "space": self.space.get_config(),
            "budget": self._describe_budget(),
            "objective": [self.objective.name, self.objective.direction],
        }
