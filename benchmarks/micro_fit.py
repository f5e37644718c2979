"""Fits the instructions of the cost targets to what `benchmarks/micro.py` counted.

    python benchmarks/micro.py --json FILE
    python benchmarks/micro_fit.py FILE ... [--json FILE]

A layer takes `step * steps + gather * elements of all windows + output * outputs` instructions,
where pixels are filled up to those that a kernel takes at a time. The figures of an operator on a
processor are those of the least relative error over the layers, each with the kernel that takes
the fewest instructions for it; depthwise layers have figures of their own. Prints the figures for
keras_shiftadd/cost/_targets.py, and the error of each layer.
"""

import argparse
import json
import pathlib

import machine
import numpy as np
from kernel_tables import table
from least_squares import nonnegative_fit
from micro_layers import LAYERS, multiplications, outputs
from micro_rows import ROWS

TARGETS = ("cortex-m4", "cortex-m0", "rv32i")
OPERATORS = ("conv", "shift", "adder")


def counts(files: list[pathlib.Path]) -> dict[tuple[str, str, str], int]:
    """Instructions by target, row and layer."""
    cells = [cell for file in files for cell in json.loads(file.read_text())["cells"]]
    return {(c["target"], c["row"], c["layer"]): c["instructions"] for c in cells}


def best_rows(
    target: str, operator: str, layer: str, measured: dict[tuple[str, str, str], int]
) -> tuple[str, int] | None:
    """The kernel of this package that takes the fewest instructions, and how many.

    Where no shift kernel gains over the convolution, that is what shift layers run on.
    """
    takes = ("conv", "shift") if operator == "shift" else (operator,)
    found = [
        (row.label, measured[target, row.label, layer])
        for row in ROWS[target]
        if row.operator in takes
        and not row.label.startswith("CMSIS")
        and (target, row.label, layer) in measured
    ]
    return min(found, key=lambda pair: pair[1], default=None)


def features(layer: str, pixels: int) -> tuple[float, float, float]:
    """Steps, elements of all windows, and outputs, for a kernel of so many pixels at a time."""
    filters = LAYERS[layer].filters
    count = outputs(layer) // filters
    filled = -(-count // pixels) * pixels / count
    steps = multiplications(layer) * filled
    if LAYERS[layer].depthwise:  # of one window, where outputs and steps say the same
        return steps, 0.0, 0.0
    return steps, steps / filters, float(outputs(layer))


def fit(layers: list[str], instructions: list[int]) -> tuple[int, list[float], list[float]]:
    """Pixels at a time, instructions a step, an element and an output, and the relative errors."""
    values = np.array(instructions, float)
    found = []
    for pixels in (1, 2, 4, 8):
        matrix = np.array([features(layer, pixels) for layer in layers])
        result = np.array([float(f"{f:.3g}") for f in nonnegative_fit(matrix, values)])
        errors = matrix @ result / values - 1
        found.append((float((errors**2).sum()), pixels, result.tolist(), errors.tolist()))
    return min(found)[1:]


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path, help="JSON files of micro.py")
    machine.add_json_argument(parser)
    options = parser.parse_args()
    measured = counts(options.files)
    present = {target for target, _, _ in measured}
    lines = []
    for depthwise in (False, True):
        layers = [name for name, layer in LAYERS.items() if layer.depthwise == depthwise]
        for target in (t for t in TARGETS if t in present):
            for operator in OPERATORS:
                best = [best_rows(target, operator, layer, measured) for layer in layers]
                if None in best:
                    continue
                kernels, found = zip(*best, strict=True)
                pixels, factors, errors = fit(layers, list(found))
                kind = operator + (", depthwise" if depthwise else "")
                largest = f"{max(map(abs, errors)):.0%}"
                each = ", ".join(f"{e:+.0%}" for e in errors)
                names = ", ".join(sorted(set(kernels)))
                lines.append((target, kind, names, pixels, *factors, largest, each))
    head = (
        "core", "layers", "kernels", "pixels", "step", "gather", "output", "largest error",
        "error of each layer",
    )  # fmt: skip
    machine.write(options.json, {"fits": [dict(zip(head, line, strict=True)) for line in lines]})
    print(table(head, [tuple(map(str, line)) for line in lines]))


if __name__ == "__main__":
    main()
