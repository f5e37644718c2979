"""Executed instructions of the microcontroller kernels against multiplicative ones.

    python benchmarks/micro.py [--quick] [--json FILE]
    python benchmarks/micro.py --render FILE

Every row is compiled for each processor, runs in the emulator on the same layers, and must have the
bits of the NumPy reference. Ratios are those of one run. Instructions are not cycles. Needs the
extra `micro`, and bakenn for CMSIS-NN. The whole takes a few minutes, `--quick` half a minute.
"""

import argparse
import json
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import machine
from kernel_tables import table
from micro_layers import LAYERS, describe, multiplications, network
from micro_rows import GOALS, ROWS, Row
from micro_run import Runner

from keras_shiftadd.export._c.kernels import KERNELS
from keras_shiftadd.export._simulate.machine import SimulationError

QUICK = ("3x3", "1x1")


def measure(targets: list[str], layers: list[str]) -> dict[str, Any]:
    """Runs all rows."""
    cells, missing = [], set()
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(pathlib.Path(folder))
        for target in targets:
            for row in ROWS[target]:
                for layer in layers:
                    if not _takes(row, layer):
                        continue
                    model = network(layer, row.operator, row.rounding)
                    try:
                        done = runner.measure(row.kernel, target, model)
                    except (FileNotFoundError, ImportError) as error:
                        missing.add(f"{row.kernel}: {error}")
                        break
                    except SimulationError as error:
                        if row.kernel in KERNELS:
                            raise
                        missing.add(f"{row.kernel}, {target}, {layer}: {error}")
                        continue
                    cells.append({"target": target, "row": row.label, "layer": layer, **done})
            print(f"{target}: {len(cells)} figures", file=sys.stderr, flush=True)
    return {"cells": cells, "missing": sorted(missing)}


def _takes(row: Row, layer: str) -> bool:
    if row.layers and layer not in row.layers:
        return False
    if row.kernel not in KERNELS:
        return True
    (convolution,) = network(layer, row.operator, row.rounding).operators
    return KERNELS[row.kernel].takes(convolution)


def render(result: dict[str, Any]) -> Iterator[str]:
    """The tables of a run, in Markdown."""
    figures = {(c["target"], c["row"], c["layer"]): c for c in result["cells"]}
    layers = [name for name in LAYERS if any(c["layer"] == name for c in result["cells"])]
    yield from (f"Left out: {text}" for text in result["missing"])
    yield "\n".join(f"- {name}: {describe(name)}" for name in layers)
    yield _goals(figures)
    for target in ROWS:
        if any(c["target"] == target for c in result["cells"]):
            yield _instructions(target, figures, layers)
            yield _memory(target, figures, layers[0])


def _goals(figures: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    rows = []
    for goal in GOALS:
        cell = figures.get((goal.target, goal.row, goal.layer))
        if cell is not None:
            reached = "reached" if cell["instructions"] <= goal.most else "not reached"
            count = f"{cell['instructions']:,}"
            rows.append((goal.target, goal.row, goal.layer, f"{goal.most:,}", count, reached))
    return "### Goals\n\n" + table(("core", "kernel", "layer", "at most", "instructions", ""), rows)


def _instructions(target: str, figures: dict, layers: list[str]) -> str:
    """Millions of instructions; in brackets, how many times fewer than the best of the rows that
    multiply as they are."""
    rows = []
    for row in ROWS[target]:
        cells = []
        for layer in layers:
            cell = figures.get((target, row.label, layer))
            if cell is None:
                cells.append("-")
                continue
            references = [
                figures[target, other.label, layer]["instructions"]
                for other in ROWS[target]
                if other.reference and (target, other.label, layer) in figures
            ]
            ratio = f" ({min(references) / cell['instructions']:.2f})" if references else ""
            cells.append(f"{cell['instructions'] / 1e6:.3f}{ratio}")
        if any(cell != "-" for cell in cells):
            rows.append((f"*{row.label}*" if row.reference else row.label, *cells))
    steps = ("steps", *(f"{multiplications(layer) / 1e6:.3f}" for layer in layers))
    return f"### {target}\n\n" + table(("million instructions", *layers), [steps, *rows])


def _memory(target: str, figures: dict, layer: str) -> str:
    rows = [
        (row.label, *(f"{figures[target, row.label, layer][key]:,}" for key in _BYTES))
        for row in ROWS[target]
        if (target, row.label, layer) in figures
    ]
    return f"{target}, {layer}:\n\n" + table(("bytes", *_BYTES), rows)


_BYTES = ("weights", "scratch", "stack")


def main() -> None:
    """Measures, or reads what was measured, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--quick", action="store_true", help="two layers on three processors")
    parser.add_argument("--render", type=pathlib.Path, help="print the tables of a JSON file")
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.render:
        result = json.loads(options.render.read_text())
    else:
        if options.quick:
            options.targets, options.layers = ["cortex-m4", "cortex-m0", "rv32i"], list(QUICK)
        result = measure(options.targets, options.layers)
        machine.write(options.json, result)
    print("\n\n".join(render(result)))


if __name__ == "__main__":
    main()
