"""Interleaved timing: the rows of a comparison take turns, in an order that is drawn anew.

Between rows there is a pause, in which the idle threads of the last one fall asleep, and some
calls that are not timed, so that each row finds its own threads awake, each on a processor of its
own, and its own data in the caches.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

PAUSE = 0.003
SHORT_CALL = 0.02  # below it a row gets a call that is not timed, and several that are
LEAST_TIMED = 0.002
# Linux may wake a thread on the processor of its waker, and moves it milliseconds later.
SETTLING = 0.01


@dataclass(frozen=True)
class Row:
    """Something to be timed.

    Args:
        name: what it is.
        run: does it once, and returns when it is done.
        scale: by how much a call must be multiplied, where it does part of the work.
    """

    name: str
    run: Callable[[], object]
    scale: float = 1.0


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        repeats: turns of each row.
        row_seconds: a row that would take longer than this with all turns has fewer of them.
    """

    repeats: int
    row_seconds: float


def measure(rows: Iterable[Row], effort: Effort) -> dict[str, dict[str, object]]:
    """Times the rows in turn.

    Returns:
        By name: `ms`, a value a turn and `None` where a slow row was left out; `cores`, the
        processor time of the process over the time of the clock.
    """
    rows = list(rows)
    expected = {}
    for row in rows:
        row.run()
        start = time.perf_counter()
        row.run()
        expected[row.name] = time.perf_counter() - start
    results: dict[str, list[float | None]] = {row.name: [] for row in rows}
    clock = dict.fromkeys(results, 0.0)
    processor = dict.fromkeys(results, 0.0)
    order = random.Random(0)
    gc.collect()
    gc.disable()
    try:
        for turn in range(effort.repeats):
            for row in order.sample(rows, len(rows)):
                if not _due(turn, expected[row.name], effort):
                    results[row.name].append(None)
                    continue
                calls = _settle(row, expected[row.name])
                used = time.process_time()
                start = time.perf_counter()
                for _ in range(calls):
                    row.run()
                seconds = time.perf_counter() - start
                results[row.name].append(round(1e3 * seconds / calls * row.scale, 6))
                clock[row.name] += seconds
                processor[row.name] += time.process_time() - used
    finally:
        gc.enable()
    return {
        name: {"ms": samples, "cores": round(processor[name] / clock[name], 2)}
        for name, samples in results.items()
    }


def _due(turn: int, expected: float, effort: Effort) -> bool:
    turns = min(effort.repeats, max(3, int(effort.row_seconds / max(expected, 1e-9))))
    return turn * turns // effort.repeats != (turn - 1) * turns // effort.repeats


def _settle(row: Row, expected: float) -> int:
    """Prepares a turn; returns how many calls to time."""
    time.sleep(PAUSE)
    if expected > SHORT_CALL:
        return 1
    end = time.perf_counter() + SETTLING
    while time.perf_counter() < end:
        row.run()
    return max(1, min(100, int(LEAST_TIMED / max(expected, 1e-9))))


def quartiles(values: Iterable[float | None]) -> tuple[float, float, float]:
    """First quartile, median, third quartile of the values there are."""
    present = [value for value in values if value is not None]
    if len(present) < 2:
        return (present[0],) * 3
    first, middle, third = statistics.quantiles(present, n=4, method="inclusive")
    return first, middle, third


def ratio(over: dict, under: dict) -> tuple[float, float, float]:
    """Quartiles of the quotient of two rows, taken turn by turn."""
    pairs = zip(over["ms"], under["ms"], strict=True)
    return quartiles(a / b for a, b in pairs if a is not None and b is not None)
