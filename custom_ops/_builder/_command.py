"""The build as a command."""

import argparse
import pathlib
import sys
from collections.abc import Iterable, Sequence

from ._outcome import Outcome, State
from ._run import TARGET, build


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the libraries and prints what became of them; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compile the kernels and their bindings.")
    parser.add_argument("--force", action="store_true", help="compile what is up to date, too")
    parser.add_argument("--optional", action="store_true", help="no compiler is no failure")
    parser.add_argument("--target", type=pathlib.Path, default=TARGET, help="where they go")
    options = parser.parse_args(arguments)
    outcomes = build(options.target, options.force)
    report(outcomes)
    return exit_status(outcomes, options.optional)


def report(outcomes: Iterable[Outcome]) -> None:
    """Prints what became of each library; what the compiler said goes to standard error."""
    for outcome in outcomes:
        if outcome.output:
            print(outcome.output.rstrip(), file=sys.stderr)
    for outcome in outcomes:
        print(f"{outcome.name:10}  {outcome.state} ({outcome.reason})")


def exit_status(outcomes: Iterable[Outcome], optional: bool = False) -> int:
    """1 if a library failed, and without `optional` also if there is no compiler."""
    fatal = {State.FAILED} if optional else {State.FAILED, State.IMPOSSIBLE}
    return int(any(outcome.state in fatal for outcome in outcomes))
