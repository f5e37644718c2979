"""Pruning, clustering and quantisation-aware training: accuracy, and sizes of compressed files.

    python benchmarks/compression.py --json compression.json                        # gestures
    python benchmarks/compression.py --set keywords --data FILE.npz --json FILE
    python benchmarks/compression.py --render FILE

A network of each operator is trained plainly, then pruned, clustered, and trained with the rounding
of int8, each from the plain one, on samples that are augmented anew for each epoch. Every result is
exported: its accuracy in int8, and the size of the file before and after gzip. Post-training
quantisation is that of `keras_shiftadd.export.quantize`, with each calibration. The trained network
of convolutions is also made one of shift layers of 3 bits, with and without training. Seeds test on
three folds. What is in the JSON file already is not measured again.
"""

import argparse
from typing import Any

import commands
import machine
import numpy as np
from compression_forms import CALIBRATIONS, CONVERTED, FORMS, OPERATORS, Case
from search_statistics import mean_and_deviation


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each form."""
    names = ("set", "width", "epochs", "fine_epochs", "shift_bits")
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    for seed in options.seeds:
        for operator in options.operator:
            forms = (*FORMS, *CONVERTED) if operator == "conv" else FORMS
            of = runs.setdefault(operator, {form: {} for form in forms})
            missing = [form for form in of if form in options.form and str(seed) not in of[form]]
            if not missing:
                continue
            case = Case(options, operator, seed)
            for form in missing:
                result = case.measure(form)
                of[form][str(seed)] = result
                machine.write(options.json, figures)
                print(
                    f"seed {seed}, {operator}, {form}: float {100 * result['float']:.1f} %, int8 "
                    f"{100 * result['int8']['mse']:.1f} %, {result['gzip']:,} bytes in gzip, "
                    f"{result['seconds']:.0f} s",
                    flush=True,
                )


def lines(figures: dict[str, Any]) -> list[str]:
    """Markdown tables of the figures."""
    table = [
        "Test accuracy in %, mean ± deviation of the seeds; difference to float, a pair a seed.",
        "",
        "| network | form | seeds | float | int8 | int8 - float network | zeros | .tflite | gzip |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for operator, of in figures["runs"].items():
        plain = of["float"]
        for form, results in of.items():
            if not results:
                continue
            seeds = sorted(set(results) & set(plain), key=int)
            lost = [100 * (results[s]["int8"]["mse"] - plain[s]["float"]) for s in seeds]
            accuracies = [
                mean_and_deviation([100 * number for number in numbers], digits=1)
                for numbers in (
                    [r["float"] for r in results.values()],
                    [r["int8"]["mse"] for r in results.values()],
                )
            ]
            zeros = np.mean([r["zeros"] for r in results.values()])
            sizes = [np.mean([r[name] for r in results.values()]) for name in ("bytes", "gzip")]
            table.append(
                f"| {operator} | {form} | {len(results)} | {accuracies[0]} | {accuracies[1]} | "
                f"{mean_and_deviation(lost, digits=1)} | {100 * zeros:.0f} % | "
                f"{sizes[0]:,.0f} | {sizes[1]:,.0f} |"
            )
    pairs = (("float", "quantisation-aware"), CONVERTED)
    rows = [
        (operator, name, of[post], of[aware])
        for operator, of in figures["runs"].items()
        for name, (post, aware) in zip(("", ", as 3-bit shift"), pairs, strict=True)
        if of.get(post) and of.get(aware)
    ]
    if rows:
        table += [
            "",
            "| network | float | " + " | ".join(CALIBRATIONS) + " | quantisation-aware |",
            "|---|---|" + "---|" * (len(CALIBRATIONS) + 1),
        ]
    for operator, name, post, aware in rows:
        plain = figures["runs"][operator]["float"]
        seeds = sorted(set(plain) & set(post) & set(aware), key=int)
        numbers = [
            [plain[s]["float"] for s in seeds],
            *([post[s]["int8"][calibration] for s in seeds] for calibration in CALIBRATIONS),
            [aware[s]["int8"]["mse"] for s in seeds],
        ]
        columns = [mean_and_deviation([100 * n for n in row], digits=1) for row in numbers]
        table.append(f"| {operator}{name} | {' | '.join(columns)} |")
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS))
    parser.add_argument("--width", type=int, default=24, help="channels of the first layers")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument(
        "--fine-epochs",
        type=int,
        default=10,
        help="of each form; pruning takes three times as many",
    )
    parser.add_argument("--shift-bits", type=int, default=0, help="bits of shift layers; 0: 5")
    parser.add_argument(
        "--form", nargs="+", choices=(*FORMS, *CONVERTED), default=[*FORMS, *CONVERTED]
    )
    parser.add_argument("--quick", action="store_true", help="two epochs, one seed, one network")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.fine_epochs = 2, 1
        options.seeds, options.operator = [0], ["shift"]
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
