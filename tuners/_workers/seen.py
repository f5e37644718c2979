"""When each worker was last heard of, to tell the dead from the slow."""

import time
from collections.abc import Callable, Iterable

# A worker that sends signs of life sends them more often than this.
SILENCE_SECONDS = 60.0
# Metrics reported under this name and the worker's id are signs of life.
_PREFIX = "keras_shiftadd/alive/"


def sign_of_life(tuner_id: str) -> dict[str, float]:
    """What a worker reports as metrics while it runs a trial."""
    return {_PREFIX + tuner_id: 1.0}


def sender(metrics: Iterable[str]) -> str | None:
    """The worker that sent these metrics as a sign of life; None where they are results."""
    for name in metrics:
        if name.startswith(_PREFIX):
            return name.removeprefix(_PREFIX)
    return None


class WorkersSeen:
    """Last signs of the workers.

    Args:
        trial_timeout: seconds of silence after which any worker counts as dead, or None: then
            only those that have sent signs of life do, after `SILENCE_SECONDS`.
        clock: gives the time in seconds.
    """

    def __init__(
        self, trial_timeout: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = trial_timeout
        self._clock = clock
        self._last: dict[str, float] = {}
        self._alive: set[str] = set()

    @property
    def sends_signs(self) -> list[str]:
        """The workers that send signs of life."""
        return sorted(self._alive)

    def heard(self, tuner_id: str, sign: bool = False) -> None:
        """Notes that a worker called; `sign` if it was a sign of life."""
        self._last[tuner_id] = self._clock()
        if sign:
            self._alive.add(tuner_id)

    def silent(self, tuner_ids: Iterable[str]) -> list[str]:
        """Those of the workers that count as dead."""
        return sorted(tuner_id for tuner_id in tuner_ids if self._is_silent(tuner_id))

    def forget(self, tuner_id: str) -> None:
        """Removes a worker."""
        self._last.pop(tuner_id, None)
        self._alive.discard(tuner_id)

    def _is_silent(self, tuner_id: str) -> bool:
        limit = self._timeout
        if limit is None and tuner_id in self._alive:
            limit = SILENCE_SECONDS
        return limit is not None and self._clock() - self._last.get(tuner_id, 0.0) > limit
