"""What a benchmark says about the machine it ran on, and how it writes its figures."""

import argparse
import json
import os
import pathlib
import platform
from typing import Any


def describe() -> dict[str, Any]:
    """The processor, the number of cores, and the versions that matter."""
    processor = platform.processor()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    return {"processor": processor, "cores": os.cpu_count(), "python": platform.python_version()}


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json FILE`."""
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures to this file")


def write(path: pathlib.Path | None, figures: dict[str, Any]) -> None:
    """Writes figures and machine as JSON, if a path was given."""
    if path is not None:
        path.write_text(json.dumps({"machine": describe(), **figures}, indent=2) + "\n")


def memory() -> float:
    """Resident memory of this process, in MiB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0
