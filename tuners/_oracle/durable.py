"""An oracle whose trials outlive the processes that run them, and its own."""

import datetime
import os
import threading
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_shiftadd._whole_file import write_json
from keras_shiftadd.ops._numbers import positive
from keras_shiftadd.tuners._oracle.arguments import check_seconds
from keras_shiftadd.tuners._workers import roles, seen
from keras_shiftadd.tuners._workers.seen import WorkersSeen

# A trial whose workers died this often is the likely cause, and fails.
_MAX_LOSSES = 3


class DurableOracle(keras_tuner.Oracle):
    """`keras_tuner.Oracle` that survives kills of the workers and of itself.

    A subclass proposes the values of trials in `populate_space`; when it has none left it sets
    `stop_reason`, and an error it leaves in `_error`.

    Args:
        max_consecutive_failed_trials: see `HybridOracle`.
        trial_timeout: see `HybridOracle`.
        **options: arguments of `keras_tuner.Oracle`.
    """

    def __init__(
        self, max_consecutive_failed_trials: int, trial_timeout: float | None, **options: Any
    ) -> None:
        # Failures are counted here: KerasTuner's own check raises while it holds its lock.
        super().__init__(max_consecutive_failed_trials=None, **options)
        if options.get("seed") is not None:
            # KerasTuner takes 0 for none.
            self.seed = options["seed"]
        self.trial_timeout = check_seconds("trial_timeout", trial_timeout)
        self._max_failures = positive(
            max_consecutive_failed_trials, "max_consecutive_failed_trials"
        )
        self._failures = 0
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
            self._simplify(trial)
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
            sender = seen.sender(metrics)
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
        if not roles.is_chief():
            raise RuntimeError(reason) from error
        print(reason)

    def _expect_display(self, trial: Trial) -> None:
        """Lets the display end a trial that an earlier process began."""
        display, now = self._display, datetime.datetime.now()
        display.search_start = display.search_start or now
        display.trial_start.setdefault(trial.trial_id, now)
        display.trial_number.setdefault(trial.trial_id, int(trial.trial_id) + 1)

    def _simplify(self, trial: Trial) -> None:
        """A subclass may leave out of a trial what a worker does not need."""

    def get_state(self) -> dict[str, Any]:
        """What is saved: KerasTuner's state and, under `"workers"`, what is known of them."""
        return {
            **super().get_state(),
            "workers": {
                "known": sorted(self.tuner_ids),
                "send_signs": self._workers.sends_signs,
                "losses": self._losses,
                "finished": self._told_to_stop,
            },
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what was saved.

        Args:
            state: What `get_state` returned.
        """
        super().set_state(state)
        workers = state["workers"]
        self._left_running = state["ongoing_trials"]
        self._losses = dict(workers["losses"])
        if roles.is_chief():
            self.tuner_ids = set(workers["known"])
            for tuner_id in {*workers["known"], *workers["send_signs"]}:
                self._workers.heard(tuner_id, sign=tuner_id in workers["send_signs"])

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
                if roles.is_chief() and trial_id not in ended
            }
            running = {trial.trial_id for trial in self.ongoing_trials.values()}
            for trial_id in running:
                self.trials[trial_id].status = TrialStatus.RUNNING
                self._simplify(self.trials[trial_id])
            left = [i for i in self.start_order if i not in ended and i not in running]
            # KerasTuner takes the last one first.
            self._retry_queue = left[::-1]

    def _save_trial(self, trial: Trial) -> None:
        write_json(
            os.path.join(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state()
        )


def _has_step(trial: Trial, metric: str, step: int) -> bool:
    if not trial.metrics.exists(metric):
        return False
    return any(observation.step == step for observation in trial.metrics.get_history(metric))
