"""The main functions of benchmarks that render, resume, or run each backend in a process."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import machine

BACKENDS = ("tensorflow", "jax", "torch")
Figures = dict[str, Any]


def add_json_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--render FILE` and `--json FILE`."""
    parser.add_argument("--render", type=pathlib.Path, help="print the tables of a JSON file")
    machine.add_json_argument(parser)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--set NAME`, `--data FILE` and `--seeds NUMBER ...`, for `search_data.load`."""
    parser.add_argument("--set", default="gestures", help="gestures, keywords, or a name")
    parser.add_argument("--data", type=pathlib.Path, help="the .npz file, see search_data.py")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])


def add_backend_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--backend NAME ...`, and what the processes of backends are told."""
    parser.add_argument("--backend", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--child", type=pathlib.Path, help=argparse.SUPPRESS)


def resume(
    options: argparse.Namespace,
    measure: Callable[[argparse.Namespace, Figures], None],
    lines: Callable[[Figures], list[str]],
) -> None:
    """Adds what is missing in the JSON file and prints its tables, or only prints them.

    Args:
        options: the command line.
        measure: adds to figures and writes the file after each.
        lines: makes the tables.
    """
    figures: Figures = {}
    file = options.render or options.json
    if options.render or (file is not None and file.exists()):
        figures = json.loads(file.read_text())
        figures.pop("machine")
    if not options.render:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        measure(options, figures)
    print("\n".join(lines(figures)))


def keep_setting(options: argparse.Namespace, figures: Figures, setting: Figures) -> None:
    """Writes the setting into new figures; ends if those of the file have another one."""
    if figures.setdefault("setting", setting) != setting:
        raise SystemExit(
            f"{options.json} holds figures of another setting, {figures['setting']}. "
            f"Received: {setting}. Name another file."
        )


def run_backends(
    options: argparse.Namespace,
    measure: Callable[[argparse.Namespace], Figures],
    lines: Callable[[Figures], list[str]],
    common: Figures,
) -> None:
    """Measures each backend in a process of its own, or prints the tables of a JSON file.

    Args:
        options: the command line.
        measure: makes the figures of the backend of its process.
        lines: makes the tables of `{**common, "backends": {backend: figures}}`.
        common: figures that all backends share.
    """
    if options.child:
        options.child.write_text(json.dumps(measure(options)))
        return
    if options.render:
        print("\n".join(lines(json.loads(options.render.read_text()))))
        return
    result: Figures = {**common, "backends": {}}
    for backend in options.backend:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "result")
            done = subprocess.run(
                [sys.executable, *sys.argv, "--child", file],
                env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"{done.stdout}\n{backend}: failed")
            result["backends"][backend] = json.loads(file.read_text())
        print(f"{backend}: done", file=sys.stderr, flush=True)
    machine.write(options.json, result)
    print("\n".join(lines(result)))
