"""A worker's way to its chief: patient, and telling that the worker lives."""

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from keras_shiftadd.tuners._workers import roles
from keras_shiftadd.tuners._workers.seen import sign_of_life

_RETRY_SECONDS = 0.5
_CONNECT_SECONDS = 5.0
_FIRST_IDLE_SECONDS, _LONGEST_IDLE_SECONDS = 0.1, 2.0


class ChiefClient:
    """Asks the chief, and asks again while it is away.

    Every call may be repeated: a chief that was killed after it had handed a trial out, or had
    taken a result, answers the same again.

    Args:
        client: KerasTuner's client.
        tuner_id: this worker.
        patience: seconds to wait for a chief that is away.
        sign_seconds: time between signs of life during a trial, or None if the chief's oracle
            does not know them.
        is_finished: says, from what the chief left in the project, whether the search has ended.
    """

    def __init__(
        self,
        client: Any,
        tuner_id: str,
        patience: float,
        sign_seconds: float | None,
        is_finished: Callable[[], bool],
    ) -> None:
        self._client = client
        self._tuner_id = tuner_id
        self._patience = patience
        self._sign_seconds = sign_seconds
        self._is_finished = is_finished
        self._met = False
        self._trial_over: threading.Event | None = None
        self._idle_seconds = _FIRST_IDLE_SECONDS

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def wait(self) -> None:
        """Waits until the chief answers; it has made the project's folder by then."""
        self._ask("get_best_trials", 0)

    def create_trial(self, tuner_id: str) -> Trial:
        """A trial to run; while there is none yet, waits a moment before it says so."""
        self._stop_signs()
        if self._sign_seconds is not None:
            self._ask("update_trial", "", sign_of_life(self._tuner_id), ending=True)
        trial = self._ask("create_trial", tuner_id, ending=True)
        if trial is None:
            return Trial(None, trial_id="", status=TrialStatus.STOPPED)
        if trial.status == TrialStatus.IDLE:
            self._idle_seconds = min(2 * self._idle_seconds, _LONGEST_IDLE_SECONDS)
            time.sleep(self._idle_seconds)
            return trial
        self._idle_seconds = _FIRST_IDLE_SECONDS
        if trial.status == TrialStatus.RUNNING and self._sign_seconds is not None:
            self._start_signs(trial.trial_id)
        return trial

    def end_trial(self, trial: Trial) -> None:
        """Reports the end of a trial."""
        self._ask("end_trial", trial)
        self._stop_signs()

    def update_trial(self, trial_id: str, metrics: dict[str, float], step: int = 0) -> Trial:
        """Reports metrics."""
        return self._ask("update_trial", trial_id, metrics, step=step)

    def get_trial(self, trial_id: str) -> Trial:
        """A trial as the chief knows it."""
        return self._ask("get_trial", trial_id)

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """The best trials so far."""
        return self._ask("get_best_trials", num_trials)

    def get_space(self) -> Any:
        """The chief's hyperparameters."""
        return self._ask("get_space")

    def update_space(self, hyperparameters: Any) -> None:
        """Adds hyperparameters."""
        self._ask("update_space", hyperparameters)

    def _ask(self, name: str, *args: Any, ending: bool = False, **kwargs: Any) -> Any:
        """Calls the chief; None if `ending` is allowed, and it has ended the search and gone."""
        import grpc  # type: ignore[import-untyped]

        deadline = time.monotonic() + self._patience
        while True:
            if self._is_there():
                outcome: list[Any] = []
                call = threading.Thread(
                    target=self._call, args=(outcome, name, args, kwargs), daemon=True
                )
                call.start()
                # A chief that vanishes without closing its connection would keep a call for long.
                call.join(max(deadline - time.monotonic(), _CONNECT_SECONDS))
                value, error = outcome[0] if outcome else (None, TimeoutError())
                if error is None:
                    self._met = True
                    return value
                gone = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                if isinstance(error, grpc.RpcError) and error.code() not in gone:
                    raise error
                if not isinstance(error, grpc.RpcError | TimeoutError):
                    raise error
            elif ending and self._met and self._is_finished():
                return None
            if time.monotonic() >= deadline:
                raise ConnectionError(
                    f"The chief must answer within {self._patience:g} seconds. Received nothing "
                    f"from {':'.join(_address())}. Start it, or pass a longer `chief_timeout`."
                )
            time.sleep(_RETRY_SECONDS)

    def _call(self, outcome: list[Any], name: str, args: Any, kwargs: Any) -> None:
        try:
            outcome.append((getattr(self._client, name)(*args, **kwargs), None))
        except Exception as error:
            outcome.append((None, error))

    def _is_there(self) -> bool:
        # Asked before each call: a call that waits for a chief makes gRPC wait longer and longer
        # between its own attempts.
        host, port = _address()
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except OSError:
            return False
        return True

    def _start_signs(self, trial_id: str) -> None:
        self._trial_over = threading.Event()
        threading.Thread(
            target=self._send_signs, args=(trial_id, self._trial_over), daemon=True
        ).start()

    def _stop_signs(self) -> None:
        if self._trial_over is not None:
            self._trial_over.set()

    def _send_signs(self, trial_id: str, over: threading.Event) -> None:
        import grpc

        while not over.wait(self._sign_seconds):
            if self._is_there():
                try:
                    self._client.update_trial(trial_id, sign_of_life(self._tuner_id))
                except grpc.RpcError:
                    # The next one may arrive; results are what has to.
                    continue


def _address() -> tuple[str, str]:
    return os.environ[roles.ORACLE_IP], os.environ[roles.ORACLE_PORT]
