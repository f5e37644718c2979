"""The compiled kernels against convolutions and against other forms of the adder convolution.

    python benchmarks/kernels.py [--quick] [--json FILE]
    python benchmarks/kernels.py --render FILE

Rows that are compared run in one process and take turns; ratios are those of the same turn, and
their medians are printed beside the goals. A number of threads, a setting of oneDNN and a backend
each have a process; the C interface is timed in all of them, so that figures of two processes can
be compared through it. The whole takes about ten minutes, `--quick` about two.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import kernel_tables
import machine
from kernel_rows import ceiling
from kernel_rows.layer import LAYERS

FOLDER = pathlib.Path(__file__).resolve().parent
TIMED = ("forward", "step", "int8")
SECTIONS = (*TIMED, "memory")
# Process -> the sections that it takes part in.
PROCESSES = {
    "tensorflow": TIMED,
    "onednn_off": ("forward", "step"),
    "onednn_on": ("forward", "step"),
    "jax": ("step",),
    "torch": ("step",),
}


def run_process(script: str, spec: dict) -> dict:
    """Runs a process of its own and returns its result; exits with its output if it fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "specification").write_text(json.dumps(spec))
        arguments = [folder / "specification", folder / "result"]
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, FOLDER / script, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A library that does not fit is an error, not the portable form.
            env={**os.environ, "KERAS_SHIFTADD_OPS": "native"},
            check=False,
        )
        seconds = time.monotonic() - start
        label = f"{spec.get('process', 'memory')}, {spec['threads']} threads"
        if done.returncode:
            sys.exit(f"{done.stdout}\n{label}: failed")
        print(f"{label}: {seconds:.0f} s", file=sys.stderr, flush=True)
        return json.loads((folder / "result").read_text())


def measure(options: argparse.Namespace) -> dict:
    """Runs all processes."""
    result: dict = {"layers": options.layers, "ceiling_terms": ceiling.TERMS, "forms": {}}
    cells = []
    spec = {
        "layers": options.layers,
        "batches": options.batches,
        "repeats": options.repeats,
        "row_seconds": options.row_seconds,
    }
    for threads in options.threads:
        for process in options.processes:
            sections = [s for s in options.sections if s in PROCESSES[process]]
            if sections:
                this = {"process": process, "threads": threads, "sections": sections}
                done = run_process("kernel_process.py", {**spec, **this})
                cells += done["cells"]
                result["forms"][process] = done["form"]
                result["instruction_set"] = done["instruction_set"]
    if "memory" in options.sections:
        memory = {"layers": options.layers, "threads": max(options.threads)}
        cells += run_process("kernel_memory.py", memory)["cells"]
    return {"machine": machine.describe(), **result, "cells": cells}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--processes", nargs="+", choices=PROCESSES, default=list(PROCESSES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--repeats", type=int, default=30, help="turns of each row")
    parser.add_argument(
        "--row-seconds", type=float, default=1.0, help="time after which a row has fewer turns"
    )
    parser.add_argument("--quick", action="store_true", help="few turns; layers b and depthwise")
    parser.add_argument("--render", type=pathlib.Path, help="print the tables of a JSON file")
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.row_seconds = 5, 0.3
        options.layers = ["b", "depthwise"]
    return options


def main() -> None:
    """Measures, or reads what was measured, and prints it."""
    options = parse()
    if options.render:
        result = json.loads(options.render.read_text())
    else:
        result = measure(options)
        if options.json:
            # A cell a line: the samples of a row are many.
            cells = ",\n".join(json.dumps(cell) for cell in result["cells"])
            head = json.dumps({**result, "cells": None}).removesuffix("null}")
            options.json.write_text(f"{head}[\n{cells}\n]}}\n")
    print("\n\n".join(kernel_tables.render(result)))


if __name__ == "__main__":
    main()
