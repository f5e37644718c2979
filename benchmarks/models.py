"""Sizes and costs of the ready networks, as the table in docs/models.md.

    python benchmarks/models.py [--json FILE]
    python benchmarks/models.py --render FILE

Operations and energy of one sample, all blocks of one operator; energy on `"asic-45nm"` with words
of 8 bits and fair accounting, arithmetic alone.
"""

import argparse
from typing import Any

import commands
import machine

OPERATORS = ("conv", "shift", "adder", "shift_adder")
# Label, function, arguments.
NETWORKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("ResNet8", "ResNet8", {}),
    ("ResNet20", "ResNet20", {}),
    ("ResNet32", "ResNet32", {}),
    ("DSCNN", "DSCNN", {}),
    ("MobileNetV2Tiny", "MobileNetV2Tiny", {}),
    ("MCUNet", "MCUNet", {}),
    ("MobileNetV2, alpha 0.35", "MobileNetV2", {"alpha": 0.35, "input_shape": (160, 160, 3)}),
    (
        "MobileNetV3Small, alpha 0.35",
        "MobileNetV3Small",
        {"alpha": 0.35, "input_shape": (160, 160, 3)},
    ),
)


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing."""
    import keras

    import keras_shiftadd as ksa

    rows = figures.setdefault("rows", {})
    for label, function, arguments in NETWORKS:
        for operator in options.operator:
            if operator in rows.setdefault(label, {}):
                continue
            keras.utils.clear_session()
            model = getattr(ksa.models, function)(operators=operator, **arguments)
            counts = ksa.cost.count_operations(model)
            operations = counts.operations
            rows[label][operator] = {
                "input": list(model.input_shape[1:]),
                "parameters": counts.parameters,
                "multiply": operations.multiply,
                "add": operations.add,
                "shift": operations.shift,
                "energy_uj": ksa.cost.energy_pj(counts) / 1e6,
            }
            machine.write(options.json, figures)


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    table = [
        "| network | input | operators | parameters | multiplications | additions | shifts "
        "| energy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label, of in figures["rows"].items():
        for operator, row in of.items():
            size = " × ".join(map(str, row["input"]))
            millions = " | ".join(
                f"{row[kind] / 1e6:.2f} M" for kind in ("multiply", "add", "shift")
            )
            table.append(
                f"| {label} | {size} | {operator} | {row['parameters']:,} | {millions} | "
                f"{row['energy_uj']:.2f} µJ |"
            )
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS))
    commands.add_json_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Counts, or renders what was counted."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
