"""Trains weights for `keras_shiftadd.models`, and writes them with their card.

    python benchmarks/train_weights.py --operator shift [--folder FOLDER] [--json FILE]

A ResNet-8 of half the width for the smartwatch gestures, with the recipe of `search_training`. Each
seed is tested on people of its own, whom the others train on; the weights are those of the first
seed, and the card holds the accuracies of all.
"""

import argparse
import pathlib
import tempfile
from typing import Any

import commands
import machine

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "keras_shiftadd" / "models" / "weights"
DATA = (
    "Smartwatch recordings of 7 shoulder exercises by 10 people, from PyPI's seglearn (Burns et "
    "al., 2018): windows of 128 samples at 50 Hz, three axes of accelerometer and gyroscope"
)
LICENCE = "BSD-3-Clause (the data), Apache-2.0 (the weights)"


def arguments(operator: str, shape: tuple[int, ...], classes: int) -> dict[str, Any]:
    """Arguments of the network."""
    return {
        "input_shape": list(shape),
        "num_classes": classes,
        "operators": operator,
        "alpha": 0.5,
    }


def train(operator: str, seed: int, epochs: int, file: pathlib.Path) -> dict[str, Any]:
    """Trains one seed and saves its plain weights."""
    import keras
    import search_data
    from search_training import accuracy, train_alone

    import keras_shiftadd as ksa

    data = search_data.load("gestures", fold=seed % 3)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = ksa.models.ResNet8(
        **arguments(operator, data.shape, data.classes), classifier_activation=None
    )
    train_alone(model, data, epochs, seed)
    model.save_weights(file)
    assert data.mean is not None
    assert data.deviation is not None
    return {
        "test": accuracy(model, data.x_test, data.y_test),
        "validation": accuracy(model, data.x_val, data.y_val),
        "shape": list(data.shape),
        "classes": list(data.names),
        "preprocessing": {"mean": data.mean.tolist(), "deviation": data.deviation.tolist()},
    }


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Trains the seeds that are missing, then writes weights and card."""
    import keras_shiftadd as ksa

    runs = figures.setdefault("runs", {}).setdefault(options.operator, {})
    setting = {"epochs": options.epochs, "first": options.seeds[0]}
    commands.keep_setting(options, figures, setting)
    with tempfile.TemporaryDirectory() as folder:
        kept = options.json or pathlib.Path(folder, "runs.json")
        # Beside the figures: a training that was stopped goes on.
        first = kept.with_name(f"{kept.stem}_{options.operator}.weights.h5")
        for seed in options.seeds:
            if str(seed) in runs:
                continue
            file = first if seed == options.seeds[0] else pathlib.Path(folder, "other.weights.h5")
            runs[str(seed)] = train(options.operator, seed, options.epochs, file)
            print(f"seed {seed}: test {100 * runs[str(seed)]['test']:.1f} %", flush=True)
            machine.write(options.json, figures)
        of = runs[str(options.seeds[0])]
        made = arguments(options.operator, of["shape"], len(of["classes"]))
        model = ksa.models.ResNet8(**made, weights=first)
        seeds = " ".join(map(str, options.seeds))
        options.folder.mkdir(parents=True, exist_ok=True)
        ksa.models.save_weights(
            model,
            options.folder / f"resnet8_{options.operator}_gestures.weights.h5",
            name="gestures",
            network="ResNet8",
            arguments=made,
            classes=of["classes"],
            data=DATA,
            licence=LICENCE,
            command=(
                f"python benchmarks/train_weights.py --operator {options.operator} "
                f"--epochs {options.epochs} --seeds {seeds}"
            ),
            accuracies={seed: runs[str(seed)]["test"] for seed in options.seeds},
            preprocessing=of["preprocessing"],
        )


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    from search_statistics import mean_and_deviation

    table = ["| operators | test accuracy, % |", "|---|---|"]
    for operator, seeds in figures["runs"].items():
        values = [100 * run["test"] for run in seeds.values()]
        table.append(f"| {operator} | {mean_and_deviation(values, digits=1)} |")
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operator", choices=("conv", "shift", "adder"), default="shift")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    commands.add_json_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Trains, or renders what was trained."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
