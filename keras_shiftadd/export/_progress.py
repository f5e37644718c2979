"""Lines that say what an export is doing."""

import time
from collections.abc import Callable

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Lines that say what is under way, so that a long export is not silent."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose

    def stage(self, text: str) -> None:
        """Says what begins."""
        if self._verbose:
            print(f"to_tflite: {text}", flush=True)

    def counter(self, total: int) -> Callable[[int], None]:
        """A function that says from time to time how many samples are done."""
        last = time.monotonic()

        def count(done: int) -> None:
            nonlocal last
            if self._verbose and time.monotonic() - last > _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                print(f"to_tflite:   {done} of {total} samples", flush=True)

        return count
