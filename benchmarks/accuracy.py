"""Conv, shift, adder, shift-adder and hybrid networks, plain and augmented: accuracy and energy.

    python benchmarks/accuracy.py --json FILE [--picture FILE.png] [--budget MINUTES]    # gestures
    python benchmarks/accuracy.py --set keywords --data FILE.npz --json FILE
    python benchmarks/accuracy.py --set cifar100 --data-dir FOLDER --search 0.45 --json FILE
    python benchmarks/accuracy.py --render FILE [--picture FILE.png]

All networks are trained with one recipe (`search_training`), for as many epochs, with the same
seeds; `--form` also names forms of the augmentation, and ideas for adder networks such as
distillation. With `--search` the hybrid is what a search within so many microjoules of arithmetic
finds on the first seed, and the twin is the same network with ordinary convolutions. It is for
CIFAR-100, whose test part is the same for all seeds; `search_front.py` searches anew for each seed.
`--budget` measures how long a step of each takes and chooses epochs that fit into so many minutes
on this machine, the search apart; without it there are 30 epochs, 200 where there is a GPU. What
the JSON file holds already is not measured again: a run that was stopped goes on. KERAS_BACKEND
chooses the backend.
"""

import argparse
import json
import pathlib
import time
from typing import Any

import accuracy_budget
import accuracy_networks
import commands
import machine
import numpy as np
from search_statistics import mean_and_deviation


def train(data: Any, operator: str, form: str, seed: int, options: Any) -> dict[str, Any]:
    """Trains a network; returns accuracies, costs and seconds."""
    import keras
    from search_training import accuracy, train_alone

    import keras_shiftadd as ksa

    keras.utils.clear_session()
    start = time.perf_counter()
    teacher = None
    if accuracy_networks.IDEAS.get(form, {}).get("teacher"):
        keras.utils.set_random_seed(seed)
        teacher = accuracy_networks.teacher(data, options)
        train_alone(teacher, data, options.epochs, seed)
    keras.utils.set_random_seed(seed)
    model = accuracy_networks.make(data, operator, form, options)
    callbacks = accuracy_networks.augmentation(data, form, seed, options)
    history = train_alone(model, data, options.epochs, seed, callbacks, teacher)
    counts = ksa.cost.count_operations(model)
    result = {
        "epochs": options.epochs,
        "backend": keras.backend.backend(),
        "seconds": time.perf_counter() - start,
        "energy_uj": ksa.cost.energy_pj(counts) / 1e6,
        "parameters": counts.parameters,
        "train": history["accuracy"][-1],
        "validation": accuracy(model, data.x_val, data.y_val),
        "test": accuracy(model, data.x_test, data.y_test),
    }
    if teacher is not None:
        result["teacher"] = accuracy(teacher, data.x_test, data.y_test)
    return result


def hybrid_architecture(options: argparse.Namespace, known: dict[str, Any]) -> Any:
    """What was named or is known, or else what a search finds; None where blocks are named."""
    import accuracy_search

    file = options.architecture
    setting: dict[str, Any] = {"operators": options.operators, "preset": options.preset}
    setting["architecture"] = file and json.loads(file.read_text())
    for name in ("search", "search_epochs", "trials"):
        setting[name] = getattr(options, name) if options.search else None
    commands.keep_setting(options, known, setting)
    if options.search and "found" not in known:
        data = accuracy_networks.load(options, options.seeds[0])
        known["found"] = accuracy_search.search(data, options)
    return known["found"]["architecture"] if options.search else setting["architecture"]


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each run."""
    names = ("set", "network", "alpha", "epochs", "widths", "loss_weight", "limit")
    known = figures.get("setting")
    if known is not None:  # refused before a search of an hour, not after it
        options.epochs = options.epochs or known["epochs"]
        commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    if not {"hybrid", "twin"}.isdisjoint(options.operator):
        options.found = hybrid_architecture(options, figures.setdefault("hybrid", {}))
        machine.write(options.json, figures)
    if options.epochs is None:
        options.epochs = accuracy_budget.epochs(options)
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    for seed in options.seeds:
        data = accuracy_networks.load(options, seed)
        for operator, form in accuracy_networks.pairs(options):
            of = runs.setdefault(operator, {}).setdefault(form, {})
            if str(seed) in of:
                continue
            of[str(seed)] = result = train(data, operator, form, seed, options)
            machine.write(options.json, figures)
            print(
                f"seed {seed}, {operator}, {form}: test {100 * result['test']:.1f} %, "
                f"{result['epochs']} epochs, {result['seconds']:.0f} s",
                flush=True,
            )


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    setting, runs = figures["setting"], figures["runs"]
    table = [
        f"{setting['network']} × {setting['alpha']:g}, {setting['set']}, {setting['epochs']} "
        "epochs. Test accuracy in %, mean ± deviation of the seeds; differences to the plain "
        "training of conv, and of the same network, a pair a seed; energy of the arithmetic of "
        "one sample, 8 bits.",
        "",
        "| network | training | energy, µJ | accuracy | against conv | gain | training data |",
        "|---|---|---|---|---|---|---|",
    ]
    conv = runs.get("conv", {}).get("plain", {})
    for operator, forms in runs.items():
        for form, seeds in forms.items():
            if not seeds:
                continue
            values = list(seeds.values())
            table.append(
                f"| {operator} | {form} | {np.mean([v['energy_uj'] for v in values]):.3f} | "
                f"{mean_and_deviation([100 * v['test'] for v in values], digits=1)} | "
                f"{_difference(seeds, conv)} | "
                f"{_difference(seeds, forms.get('plain', {}))} | "
                f"{mean_and_deviation([100 * v['train'] for v in values], digits=1)} |"
            )
    return table


def _difference(seeds: dict[str, Any], others: dict[str, Any]) -> str:
    """Of the accuracies, over the seeds that both have; none to themselves."""
    both = sorted(set(seeds) & set(others), key=int)
    differences = [100 * (seeds[seed]["test"] - others[seed]["test"]) for seed in both]
    return mean_and_deviation(differences, digits=1) if both and seeds is not others else "-"


def draw(figures: dict[str, Any], path: pathlib.Path) -> None:
    """Draws accuracy against energy: a marker a form, a colour an operator."""
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    colours = ("#555555", "#3d6f9e", "#c8553d", "#8a5fa8", "#4f8a4b", "#a5a5a5")
    markers = dict(zip(accuracy_networks.FORMS, "os^vD*XPh<>p", strict=True))
    for operator, forms in figures["runs"].items():
        colour = colours[accuracy_networks.OPERATORS.index(operator)]
        for form, seeds in forms.items():
            if not seeds:
                continue
            values = 100 * np.asarray([run["test"] for run in seeds.values()])
            axis.errorbar(
                np.mean([run["energy_uj"] for run in seeds.values()]),
                values.mean(),
                yerr=values.std(ddof=1) if len(values) > 1 else None,
                color=colour,
                marker=markers[form],
                markerfacecolor="white" if form == "plain" else colour,
                capsize=3,
                label=f"{operator}, {form}",
            )
    axis.set(xlabel="energy of one sample, µJ", ylabel="test accuracy, %")
    axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", default="gestures", choices=tuple(accuracy_networks.DEFAULTS))
    parser.add_argument("--data", type=pathlib.Path, help="keywords: the .npz file")
    parser.add_argument("--data-dir", type=pathlib.Path, help="cifar100: folder or .npz file")
    parser.add_argument("--limit", type=int, help="cifar100: the most training images")
    parser.add_argument("--network", choices=tuple(accuracy_networks.BLOCKS))
    parser.add_argument("--alpha", type=float, help="factor of the channels")
    parser.add_argument("--architecture", type=pathlib.Path, help="hybrid: JSON of a HybridSpace")
    parser.add_argument("--preset", default="tiny", help="hybrid: preset of that HybridSpace")
    parser.add_argument("--operators", nargs="+", help="hybrid: an operator a block")
    parser.add_argument("--search", type=float, metavar="MICROJOULES", help="cifar100: find hybrid")
    parser.add_argument("--search-epochs", type=int, default=10, help="of the supernet")
    parser.add_argument("--trials", type=int, default=200, help="networks that the search scores")
    parser.add_argument(
        "--directory", type=pathlib.Path, default="runs/accuracy_search", help="of the search"
    )
    names = accuracy_networks.OPERATORS
    parser.add_argument("--operator", nargs="+", choices=names, help="default: all")
    parser.add_argument(
        "--form",
        nargs="+",
        choices=accuracy_networks.FORMS,
        default=["plain", "conv, transport", "own"],
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="choose epochs that fit")
    parser.add_argument("--widths", nargs="+", type=float, default=[1.6, 2.2, 2.8])
    parser.add_argument("--loss-weight", type=float, default=1.0)
    parser.add_argument("--picture", type=pathlib.Path, help="draw accuracy against energy (PNG)")
    parser.add_argument("--quick", action="store_true", help="one epoch, one seed, one network")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    network, alpha = accuracy_networks.DEFAULTS[options.set]
    options.network = options.network or network
    options.alpha = options.alpha or alpha
    if options.search and options.set != "cifar100":
        parser.error("--search is for cifar100; search_front.py searches on the other sets")
    has_twin = options.search or options.architecture
    options.operator = options.operator or [n for n in names if n != "twin" or has_twin]
    if "twin" in options.operator and not has_twin:
        parser.error("the twin needs --search or --architecture")
    if options.quick:
        options.epochs, options.seeds, options.operator = 1, [0], ["adder"]
        options.form = ["plain", "own", "distilled"]
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    options = parse()

    def report(figures: dict[str, Any]) -> list[str]:
        if options.picture:
            draw(figures, options.picture)
        return lines(figures)

    commands.resume(options, measure, report)


if __name__ == "__main__":
    main()
