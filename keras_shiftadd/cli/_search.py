"""`keras-shiftadd search`."""

import argparse
import sys
from pathlib import Path
from typing import Any

from keras_shiftadd.cli import _commands
from keras_shiftadd.cli._search_processes import SearchProcesses


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "search",
        _run,
        summary="run a search with several workers on this machine",
        description=(
            "Run a script that searches with a KerasTuner tuner several times at once: one chief,\n"
            "which proposes the trials and keeps the results, and workers, which run them. Each\n"
            "is a process of its own that gets the variables KERASTUNER_TUNER_ID,\n"
            "KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT. A worker that dies is started\n"
            "again. What the processes print is shown with their names, or written to a folder.\n"
            "The exit status is 0 if the chief ends well, and 1 if it does not."
        ),
        example="  keras-shiftadd search --workers 4 --logs runs/logs search.py --epochs 30",
    )
    parser.add_argument(
        "--workers", type=_count, required=True, metavar="N", help="number of workers"
    )
    parser.add_argument(
        "--restarts",
        type=_count_or_none,
        default=3,
        metavar="N",
        help="how often a worker that died is started again (default: 3)",
    )
    parser.add_argument(
        "--logs",
        type=Path,
        metavar="FOLDER",
        help="append what a process prints to FOLDER/NAME.log instead of showing it",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of the chief (default: one that is free)"
    )
    parser.add_argument("script", type=Path, help="Python script")
    parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="...", help="arguments of the script"
    )


def _run(options: argparse.Namespace) -> int:
    if not options.script.is_file():
        raise ValueError(f"`script` must be a Python file. Received: {options.script}")
    if options.logs is not None:
        options.logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(options.script), *options.arguments]
    return SearchProcesses(
        command, options.workers, options.restarts, options.logs, options.port
    ).run()


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text!r}")
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)
