"""HybridOracle."""

import datetime
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_shiftadd.tuners import _distributed, _workers_seen
from keras_shiftadd.tuners._atomic import write_json
from keras_shiftadd.tuners._evolution import Result
from keras_shiftadd.tuners._feasible import check_possible
from keras_shiftadd.tuners._oracle_arguments import check_count, check_seconds, check_strategy
from keras_shiftadd.tuners._proposals import Proposals
from keras_shiftadd.tuners._workers_seen import WorkersSeen
from keras_shiftadd.tuners.pareto import pareto_front

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget
    from keras_shiftadd.tuners.hybrid_space import HybridSpace

_UNLIMITED = 1e30
_COSTS = ("energy_uj", "instructions", "flash", "ram")
# A trial whose workers died this often is the likely cause, and fails.
_MAX_LOSSES = 3


class HybridOracle(keras_tuner.Oracle):
    """Proposes architectures of a `HybridSpace` to a KerasTuner `Tuner`, all within a budget.

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

    Args:
        space: `HybridSpace`.
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
        space: "HybridSpace",
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
            check_count("max_trials", max_trials)
        strategy = check_strategy(
            method,
            population_size,
            num_parents,
            parent_selection,
            tournament_size,
            mutation_probability,
            crossover_share,
            restart_share,
        )
        self.space = space
        self.budget = budget
        self.method = method
        self.trial_timeout = check_seconds("trial_timeout", trial_timeout)
        if budget is None:
            # Costs are asked for with a budget; this one no architecture exceeds.
            self._priced_by = Budget(flash=_UNLIMITED)
        else:
            self._priced_by = budget
            check_possible(space, budget)
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=space.hyperparameters(),
            # What a model asks for beyond the space keeps its default.
            tune_new_entries=False,
            seed=seed,
            max_retries_per_trial=max_retries_per_trial,
            # Counted here: KerasTuner's own check raises while it holds its lock.
            max_consecutive_failed_trials=None,
        )
        if seed is not None:
            self.seed = seed
        self._max_failures = check_count(
            "max_consecutive_failed_trials", max_consecutive_failed_trials
        )
        self._failures = 0
        self._strategy = strategy
        self._proposals = Proposals(space, self._priced_by, strategy)
        # KerasTuner's lock stays closed after an error inside; this one does not, and errors are
        # raised only outside of the other.
        self._own_lock = threading.RLock()
        self._workers = WorkersSeen(self.trial_timeout)
        self._losses: dict[str, int] = {}
        self._left_running: dict[str, str] = {}
        self._error: Exception | None = None
        self._told_to_stop = False
        self.stop_reason: str | None = None
        self.failed = False

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

    # Trials of one or many workers.

    def create_trial(self, tuner_id: str) -> Trial:
        """Gives a tuner something to do.

        Args:
            tuner_id: String, who asks.

        Returns:
            A trial: the one that this tuner was running, if it was killed; one that another could
            not finish; or a new one. Its status is `"IDLE"` while others run the last trials, and
            `"STOPPED"` after that.
        """
        with self._own_lock:
            self._workers.heard(tuner_id)
            self.drop_silent_workers()
            if tuner_id in self.ongoing_trials:
                return self._run_again(self.ongoing_trials[tuner_id])
            if self._retry_queue:
                self._discard_results(self.trials[self._retry_queue[-1]])
            elif self._is_out_of_trials():
                return self._refuse(tuner_id)
            trial = super().create_trial(tuner_id)
            if self._error is not None:
                error, self._error = self._error, None
                self._fail(f"Search stopped: {type(error).__name__}: {error}", error)
                return self._refuse(tuner_id)
            if trial.status == TrialStatus.STOPPED:
                return self._refuse(tuner_id)
            self._leave_conditions_out(trial)
            return trial

    def update_trial(self, trial_id: str, metrics: dict[str, float], step: int = 0) -> Trial:
        """Takes the metrics of a trial, or a sign of life of the worker that runs it.

        Args:
            trial_id: String.
            metrics: Dictionary from names to numbers, with the objective. Metrics that were
                reported for the same step before, by an earlier run of the trial, are replaced.
            step: Integer, the epoch that the metrics belong to.

        Returns:
            The trial.

        Raises:
            ValueError: If the objective is missing.
        """
        with self._own_lock:
            sender = _workers_seen.sender(metrics)
            if sender is not None:
                self._workers.heard(sender, sign=True)
                known = self.trials.get(trial_id)
                return self._empty_trial(TrialStatus.IDLE) if known is None else known
            trial = self._known(trial_id)
            for tuner_id, ongoing in self.ongoing_trials.items():
                if ongoing.trial_id == trial_id:
                    self._workers.heard(tuner_id)
            if trial_id in self.end_order:
                return trial
            if self.objective.name not in metrics:
                raise ValueError(
                    f"The metrics of a trial must have the objective, {self.objective.name!r}. "
                    f"Received: {sorted(metrics)}"
                )
            numbers = {name: float(value) for name, value in metrics.items()}
            if any(_has_step(trial, name, step) for name in numbers):
                self._discard_results(trial)
            return super().update_trial(trial_id, numbers, step=step)

    def end_trial(self, trial: Trial) -> None:
        """Ends a trial, unless an earlier run of it has ended already.

        Args:
            trial: `keras_tuner.engine.trial.Trial` with its status: `"COMPLETED"`, `"INVALID"`
                (may be run again) or `"FAILED"`.

        Raises:
            RuntimeError: In a search of one process, if too many trials in a row failed.
            ValueError: If a completed trial has no value of the objective.
        """
        with self._own_lock:
            known = self._known(trial.trial_id)
            if known.trial_id in self.end_order:
                return
            completed = trial.status == TrialStatus.COMPLETED
            if completed and not known.metrics.exists(self.objective.name):
                if known.trial_id in self._losses:
                    # Its metrics were discarded when another worker began it again.
                    return
                raise ValueError(
                    f"A completed trial must have a value of the objective, "
                    f"{self.objective.name!r}. Received: {sorted(known.metrics.metrics)}"
                )
            if known.trial_id in self._retry_queue:
                self._retry_queue.remove(known.trial_id)
            self._expect_display(known)
            super().end_trial(trial)
            self._count_failure(known)

    def drop_silent_workers(self) -> None:
        """Gives the trials of workers that died back, to be run by others.

        The chief calls it now and then; `create_trial` does as well.
        """
        with self._own_lock:
            silent = self._workers.silent(self.tuner_ids | set(self.ongoing_trials))
            for tuner_id in silent:
                self._workers.forget(tuner_id)
                self.tuner_ids.discard(tuner_id)
                trial = self.ongoing_trials.pop(tuner_id, None)
                if trial is not None and trial.trial_id not in self.end_order:
                    self._lose(trial, tuner_id)
            if silent:
                self.save()

    def is_finished(self) -> bool:
        """Whether all trials have ended and all workers know.

        Returns:
            Boolean.
        """
        with self._own_lock:
            return self._told_to_stop and not self.ongoing_trials and not self.tuner_ids

    def _leave_conditions_out(self, trial: Trial) -> None:
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

    def _known(self, trial_id: str) -> Trial:
        if trial_id not in self.trials:
            raise ValueError(f"A trial must be one of this search. Received: trial_id={trial_id!r}")
        return self.trials[trial_id]

    def _is_out_of_trials(self) -> bool:
        enough = self.max_trials is not None and len(self.trials) >= self.max_trials
        return enough or self.stop_reason is not None

    def _refuse(self, tuner_id: str) -> Trial:
        if self.ongoing_trials or self._retry_queue:
            # A worker may still die, and its trial be left to do.
            self.tuner_ids.add(tuner_id)
            return self._empty_trial(TrialStatus.IDLE)
        self.tuner_ids.discard(tuner_id)
        self._workers.forget(tuner_id)
        if not self._told_to_stop:
            self._told_to_stop = True
            self.save()
        return self._empty_trial(TrialStatus.STOPPED)

    def _empty_trial(self, status: str) -> Trial:
        return Trial(keras_tuner.HyperParameters(), trial_id="", status=status)

    def _run_again(self, trial: Trial) -> Trial:
        if trial.metrics.metrics:
            self._discard_results(trial)
        self._display.on_trial_begin(trial)
        return trial

    def _discard_results(self, trial: Trial) -> None:
        trial.metrics = type(trial.metrics)()
        trial.score, trial.best_step, trial.message = None, 0, None
        trial.status = TrialStatus.RUNNING

    def _lose(self, trial: Trial, tuner_id: str) -> None:
        losses = self._losses[trial.trial_id] = self._losses.get(trial.trial_id, 0) + 1
        if losses < _MAX_LOSSES:
            print(f"Trial {trial.trial_id}: {tuner_id} has fallen silent; another will run it.")
            self._retry_queue.append(trial.trial_id)
            return
        trial.status = TrialStatus.FAILED
        trial.message = f"{losses} workers fell silent while they ran this trial."
        print(f"Trial {trial.trial_id} failed: {trial.message}")
        self.end_order.append(trial.trial_id)
        self._save_trial(trial)
        self._count_failure(trial)

    def _count_failure(self, trial: Trial) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._failures = 0
        elif trial.status == TrialStatus.FAILED:
            self._failures += 1
            if self._failures >= self._max_failures:
                message = f"{self._failures} trials in a row failed (the limit)."
                self._fail("\n".join([message, trial.message or ""]).rstrip(), None)

    def _fail(self, reason: str, error: Exception | None) -> None:
        """Ends the search with an error: here, or for a chief when its workers have stopped."""
        self.stop_reason, self.failed = reason, True
        if not _distributed.is_chief():
            raise RuntimeError(reason) from error
        print(reason)

    def _expect_display(self, trial: Trial) -> None:
        """Lets the display end a trial that an earlier process began."""
        display, now = self._display, datetime.datetime.now()
        display.search_start = display.search_start or now
        display.trial_start.setdefault(trial.trial_id, now)
        display.trial_number.setdefault(trial.trial_id, int(trial.trial_id) + 1)

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
                "losses": self._losses,
                "workers": sorted(self.tuner_ids),
                "sends_signs": self._workers.sends_signs,
                "finished": self._told_to_stop,
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
        self._left_running = state["ongoing_trials"]
        self._losses = dict(hybrid["losses"])
        entries = {entry["trial_id"]: entry for entry in hybrid["trials"]}
        self._proposals.clear()
        for trial_id in self.start_order:
            values = self.trials[trial_id].hyperparameters.values
            self._proposals.restore(trial_id, values, entries.get(trial_id))
        if _distributed.is_chief():
            self.tuner_ids = set(hybrid["workers"])
            for tuner_id in {*hybrid["workers"], *hybrid["sends_signs"]}:
                self._workers.heard(tuner_id, sign=tuner_id in hybrid["sends_signs"])

    def save(self) -> None:
        """Saves the state, so that a kill at any moment leaves the one before or this one."""
        with self._own_lock:
            write_json(self._get_oracle_fname(), self.get_state())

    def reload(self) -> None:
        """Restores the state from the project, and makes whole what a kill left half done."""
        with self._own_lock:
            super().reload()
            # A trial whose file was written, but not yet the state: it is proposed again.
            for trial_id in set(self.trials) - set(self.start_order):
                del self.trials[trial_id]
            ended = set(self.end_order)
            for trial_id in self.start_order:
                # A trial whose result was saved, but not yet the state: it has ended.
                trial = self.trials[trial_id]
                if trial_id not in ended and trial.status in (
                    TrialStatus.COMPLETED,
                    TrialStatus.FAILED,
                ):
                    self.end_order.append(trial_id)
            ended = set(self.end_order)
            self.ongoing_trials = {
                tuner_id: self.trials[trial_id]
                for tuner_id, trial_id in self._left_running.items()
                # Workers outlive their chief.
                if _distributed.is_chief() and trial_id not in ended
            }
            running = {trial.trial_id for trial in self.ongoing_trials.values()}
            for trial_id in running:
                self.trials[trial_id].status = TrialStatus.RUNNING
                self._leave_conditions_out(self.trials[trial_id])
            left = [i for i in self.start_order if i not in ended and i not in running]
            # KerasTuner takes the last one first.
            self._retry_queue = left[::-1]

    def _save_trial(self, trial: Trial) -> None:
        write_json(
            os.path.join(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state()
        )

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


def _has_step(trial: Trial, metric: str, step: int) -> bool:
    if not trial.metrics.exists(metric):
        return False
    return any(observation.step == step for observation in trial.metrics.get_history(metric))
