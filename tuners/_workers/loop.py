"""What a tuner needs to search in one process or many, and to survive the end of each."""

import json
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras_shiftadd._whole_file import write_json
from keras_shiftadd.tuners._oracle.arguments import check_seconds
from keras_shiftadd.tuners._workers import roles
from keras_shiftadd.tuners._workers.chief_client import ChiefClient
from keras_shiftadd.tuners.hybrid_oracle import HybridOracle

# Time between signs of life of a worker.
_SIGN_SECONDS = 10.0
_CHIEF_POLL_SECONDS = 0.5
# Answers that are under way reach their workers before the chief's process ends.
_CHIEF_LINGER_SECONDS = 1.0


class WorkerLoop:
    """Stands before `keras_tuner.Tuner` among the bases of a tuner.

    One process: state is saved from the beginning of the search, and each file whole or not at
    all. A chief: gives the trials of dead workers to others, and ends when all workers know that
    the search has ended. A worker: waits without load while there is no trial, waits for a chief
    that is away, tells it that it lives, and reads the results from the project at the end.

    Args:
        oracle: `keras_tuner.Oracle`.
        *args: Arguments of `keras_tuner.Tuner`.
        overwrite: Boolean, whether to delete an existing project of this name. A worker never
            does: its chief has.
        chief_timeout: Float, seconds that a worker waits for a chief that is away.
        **kwargs: Arguments of `keras_tuner.Tuner`.
    """

    oracle: Any
    project_dir: str
    tuner_id: str
    if TYPE_CHECKING:
        get_state: Callable[[], dict[str, Any]]

    def __init__(
        self,
        oracle: Any,
        *args: Any,
        overwrite: bool = False,
        chief_timeout: float = 600.0,
        **kwargs: Any,
    ) -> None:
        check_seconds("chief_timeout", chief_timeout)
        self._own_oracle = oracle
        overwrite = overwrite and not roles.is_worker()
        super().__init__(oracle, *args, overwrite=overwrite, **kwargs)  # type: ignore[call-arg]
        if roles.is_worker():
            self._client = self.oracle = ChiefClient(
                self.oracle,
                self.tuner_id,
                chief_timeout,
                _sign_seconds(oracle),
                self._chief_has_finished,
            )
        elif not overwrite and not oracle.start_order and os.path.exists(self._oracle_file()):
            # KerasTuner looks for the tuner's file only, which is written after the oracle's and
            # has another name when a search of one process goes on with many.
            oracle.reload()

    @property
    def is_leader(self) -> bool:
        """Whether this is a chief, or the only process: the one to use the results."""
        return not roles.is_worker()

    def wait_for_chief(self) -> None:
        """Waits, in a worker, until the chief answers.

        What a worker writes to the project before its first trial, it must write after this: a
        chief with `overwrite` deletes the project when it starts.

        Raises:
            ConnectionError: If the chief does not answer for `chief_timeout` seconds.
        """
        if roles.is_worker():
            self._client.wait()

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs the search, or this process's part in it; see `keras_tuner.Tuner.search`.

        Args:
            *args: Passed to `run_trial`.
            **kwargs: Passed to `run_trial`.

        Raises:
            ConnectionError: In a worker whose chief has been away for `chief_timeout` seconds.
            RuntimeError: If too many trials failed in a row; with workers, in the chief.
        """
        if roles.is_chief() and isinstance(self.oracle, HybridOracle):
            self._serve(args, kwargs)
            return
        if roles.is_worker():
            self.oracle = self._client
        super().search(*args, **kwargs)  # type: ignore[misc]
        if roles.is_worker() and os.path.exists(self._oracle_file()):
            # The chief may be gone by now.
            self.oracle = self._own_oracle
            self.oracle.reload()

    def on_search_begin(self) -> None:
        """Saves the state, for a kill during the first trial."""
        super().on_search_begin()  # type: ignore[misc]
        self.save()

    def on_trial_end(self, trial: Any) -> None:
        """Reports a trial; prints why it failed.

        Args:
            trial: `keras_tuner.engine.trial.Trial`.
        """
        if trial.message and roles.is_worker():
            # Messages do not travel to the chief.
            print(f"Trial {trial.trial_id} failed:\n{trial.message}", flush=True)
        super().on_trial_end(trial)  # type: ignore[misc]

    def save(self) -> None:
        """Saves the state of the tuner and, unless a chief has it, of the oracle."""
        if not roles.is_worker():
            self._own_oracle.save()
        write_json(os.path.join(self.project_dir, f"{self.tuner_id}.json"), self.get_state())

    def _oracle_file(self) -> str:
        return os.path.join(self.project_dir, "oracle.json")

    def _chief_has_finished(self) -> bool:
        try:
            with open(self._oracle_file(), encoding="utf-8") as file:
                return bool(json.load(file)["workers"]["finished"])
        except (OSError, ValueError, KeyError):
            return False

    def _serve(self, args: Any, kwargs: Any) -> None:
        errors: list[BaseException] = []

        def serve() -> None:
            try:
                super(WorkerLoop, self).search(*args, **kwargs)  # type: ignore[misc]
            except BaseException as error:
                errors.append(error)

        # KerasTuner's loop looks every 20 seconds whether it may end, and for a worker that died
        # it waits for ever. It ends by itself a little later.
        server = threading.Thread(target=serve, name="keras_tuner_chief", daemon=True)
        server.start()
        while server.is_alive() and not self.oracle.is_finished():
            time.sleep(_CHIEF_POLL_SECONDS)
            self.oracle.drop_silent_workers()
        if errors:
            raise errors[0]
        time.sleep(_CHIEF_LINGER_SECONDS)
        self.save()
        if self.oracle.failed:
            raise RuntimeError(self.oracle.stop_reason)


def _sign_seconds(oracle: Any) -> float | None:
    if not isinstance(oracle, HybridOracle):
        return None
    if oracle.trial_timeout is None:
        return _SIGN_SECONDS
    return min(_SIGN_SECONDS, oracle.trial_timeout / 4)
