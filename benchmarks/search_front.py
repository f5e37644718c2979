"""The searched hybrid against networks of one operator of the same space: accuracy and energy.

    python benchmarks/search_front.py --json front.json                         # gestures
    python benchmarks/search_front.py --set keywords --data FILE.npz --json front.json
    python benchmarks/search_front.py --render front.json

Four spaces that differ in what a block may choose: conv, shift and adder (the hybrid), or one of
them. In each, a supernet is trained, an evolution under each energy budget scores networks on the
validation part, and the winners are trained from scratch: as many epochs, trials and winners for
each space. Accuracy is that of the test part, energy is fair accounting, int8, 45 nm: with memory
traffic, or with `--target asic-45nm-arithmetic` without. Budgets are the same for all spaces. Three
seeds test on three folds. What is in the JSON file already is not measured again.
"""

import argparse
from typing import Any

import commands
import machine
import numpy as np
from search_statistics import mean_and_deviation

SPACES = {
    "hybrid": ("conv", "shift", "adder"),
    "conv": ("conv",),
    "shift": ("shift",),
    "adder": ("adder",),
}


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each search."""
    import search_data
    from search_evolution import limits_of, search, spaces_of

    setting = {
        "data": options.set,
        "target": options.target,
        "epochs": options.epochs,
        "alone_epochs": options.alone_epochs,
        "trials": options.trials,
        "budgets": options.budgets,
    }
    commands.keep_setting(options, figures, setting)
    runs = figures.setdefault("runs", {name: {} for name in SPACES})
    for seed in options.seeds:
        data = search_data.load(options.set, options.data, seed % 3)
        spaces = spaces_of(data, SPACES)
        limits = limits_of(spaces, options.budgets, options.target)
        for name, space in spaces.items():
            if str(seed) in runs[name]:
                continue
            runs[name][str(seed)] = run = search(space, data, limits, seed, options)
            machine.write(options.json, figures)
            accuracies = ", ".join(f"{100 * result['test']:.1f}" for result in run["results"])
            print(
                f"seed {seed}, {name}: test {accuracies} %; supernet "
                f"{run['supernet_seconds']:.0f} s, search {run['search_seconds']:.0f} s, "
                f"winners {run['train_seconds']:.0f} s",
                flush=True,
            )


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table, and where the hybrid is not on or above the front of the others."""
    runs = figures["runs"]
    seeds = sorted(set.intersection(*(set(of) for of in runs.values())), key=int)
    found = {
        name: [runs[name][seed]["results"] for seed in seeds] for name in runs
    }  # space, seed, budget
    limits = [result["limit"] for result in found["hybrid"][0]]
    unit, factor = ("nJ", 1000) if max(limits) < 0.1 else ("µJ", 1)
    names = list(SPACES)
    table = [
        f"Test accuracy in %, mean ± deviation of the seeds, at the mean energy in {unit}.",
        "",
        f"| budget, {unit} | {' | '.join(names)} | hybrid less the best other, a pair a seed |",
        f"|---|{'---|' * len(names)}---|",
    ]
    verdicts = []
    for i, limit in enumerate(limits):
        accuracies = {name: np.array([100 * of[i]["test"] for of in found[name]]) for name in names}
        energies = {
            name: factor * np.mean([of[i]["energy_uj"] for of in found[name]]) for name in names
        }
        best = max(names[1:], key=lambda name: accuracies[name].mean())
        difference = accuracies["hybrid"] - accuracies[best]
        cells = [
            f"{mean_and_deviation(accuracies[name], digits=1)} at {energies[name]:.3g}"
            for name in names
        ]
        paired = f"{mean_and_deviation(difference, digits=1)} ({best})"
        table.append(f"| {factor * limit:.3g} | {' | '.join(cells)} | {paired} |")
        verdicts.append(_verdict(f"{factor * limit:.3g} {unit}", difference, best))
    return [*table, "", *verdicts]


def _verdict(limit: str, difference: np.ndarray, best: str) -> str:
    """On or above the front of single operators, or not."""
    mean = difference.mean()
    where = "on or above the front" if mean >= 0 else f"NOT on the front, {best} is better"
    error = ""
    if len(difference) > 1:
        error = f", standard error {difference.std(ddof=1) / np.sqrt(len(difference)):.1f}"
    return f"- up to {limit} the hybrid is {where}: {mean:+.1f} points{error}"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--target", default="asic-45nm", help="see keras_shiftadd.cost.Hardware")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of epochs and trials")
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs and trials")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    scale = options.scale
    if options.quick:
        scale, options.seeds = 0.1, options.seeds[:1]
    options.budgets = 2 if options.quick else 3
    options.epochs = max(1, round(15 * scale))
    options.alone_epochs = max(1, round(15 * scale))
    options.trials = max(4, round(60 * scale))
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
