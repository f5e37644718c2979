"""What became of each library in a build, and the record of it beside the libraries."""

import enum
import json
import os
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass

_RECORD = "outcomes.json"


class State(enum.StrEnum):
    """What became of a library."""

    BUILT = "built"
    CURRENT = "up to date"
    LEFT_OUT = "left out"  # its framework or its sources are not there, or nobody asked for it
    IMPOSSIBLE = "not built"  # there is no compiler, or the system is not supported
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a library.

    Args:
        name: the library.
        state: what became of it.
        reason: why it was not built, or what it was built with.
        output: what the compiler printed.
    """

    name: str
    state: State
    reason: str
    output: str = ""

    @property
    def exists(self) -> bool:
        """Whether the library is there and belongs to these sources."""
        return self.state in (State.BUILT, State.CURRENT)

    @property
    def is_failure(self) -> bool:
        """Whether the library should be there and is not."""
        return self.state in (State.FAILED, State.IMPOSSIBLE)

    def __str__(self) -> str:
        return f"{self.name}: {self.state} ({self.reason})"


def record(outcomes: Iterable[Outcome], target: pathlib.Path) -> None:
    """Writes the reasons beside the libraries, for `status` to read."""
    target.mkdir(parents=True, exist_ok=True)
    reasons = {outcome.name: outcome.reason for outcome in outcomes if not outcome.exists}
    new = target / f".{_RECORD}.{os.getpid()}"
    new.write_text(json.dumps(reasons, indent=1) + "\n", encoding="utf-8")
    os.replace(new, target / _RECORD)


def read_outcomes(target: pathlib.Path) -> dict[str, str]:
    """The reason for each library that the last build did not make."""
    try:
        reasons = json.loads((target / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return reasons if isinstance(reasons, dict) else {}
