"""Validation accuracy in mid-training, with moving averages and with recalibrated statistics.

    python benchmarks/recalibration.py --json FILE [--picture FILE.png]           # gestures
    python benchmarks/recalibration.py --set keywords --data FILE.npz --json FILE
    python benchmarks/recalibration.py --render FILE

Networks of convolutions, shift layers and adder layers are trained twice from one seed, without and
with `BatchNormalizationRecalibration`. Training is the same to the bit, which is checked; only
validation differs. What the JSON file holds already is not measured again.
"""

import argparse
import pathlib
from typing import Any

import commands
import machine
import numpy as np
from augmentation import network
from search_statistics import mean_and_deviation

OPERATORS = ("conv", "shift", "adder")
FORMS = ("moving averages", "recalibrated")


def train(data: Any, operator: str, form: str, seed: int, options: argparse.Namespace) -> Any:
    """Trains a network; returns the accuracies after each epoch."""
    import keras
    from search_training import BATCH, compile_for, optimizer

    import keras_shiftadd as ksa

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = network(data.shape, data.classes, operator, options.width)
    steps = len(data.x_train) // BATCH
    compile_for(model, optimizer(options.epochs * steps))
    callbacks = []
    if form == "recalibrated":
        callbacks = [ksa.callbacks.BatchNormalizationRecalibration(data.x_train, seed=seed)]
    history = model.fit(
        data.x_train[: steps * BATCH],
        data.y_train[: steps * BATCH],
        batch_size=BATCH,
        epochs=options.epochs,
        validation_data=(data.x_val, data.y_val),
        callbacks=callbacks,
        verbose=0,
    ).history
    return {"train": history["accuracy"], "validation": history["val_accuracy"]}


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each run."""
    import search_data

    names = ("set", "width", "epochs")
    commands.keep_setting(options, figures, {name: getattr(options, name) for name in names})
    runs = figures.setdefault("runs", {})
    for seed, data in search_data.load_seeds(options.set, options.data, options.seeds):
        for operator in options.operator:
            for form in FORMS:
                of = runs.setdefault(operator, {}).setdefault(form, {})
                if str(seed) not in of:
                    of[str(seed)] = train(data, operator, form, seed, options)
                    machine.write(options.json, figures)
            plain, mended = (runs[operator][form][str(seed)]["train"] for form in FORMS)
            if plain != mended:
                raise SystemExit(f"Training differs: {operator}, seed {seed}, {plain}, {mended}")
            print(f"seed {seed}, {operator}: done", flush=True)


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table of the figures."""
    table = [
        "Validation accuracy in %: mean ± deviation of the seeds, in the middle (from a quarter to",
        "three quarters of the epochs; the least epoch, and the mean of them) and after the last.",
        "",
        "| network | statistics | least in the middle | mean in the middle | last |",
        "|---|---|---|---|---|",
    ]
    for operator, forms in figures["runs"].items():
        for form, seeds in forms.items():
            curves = [100 * np.asarray(run["validation"]) for run in seeds.values()]
            quarter = len(curves[0]) // 4
            middles = [curve[quarter : len(curve) - quarter] for curve in curves]
            columns = [
                mean_and_deviation([float(value) for value in values], digits=1)
                for values in (
                    [middle.min() for middle in middles],
                    [middle.mean() for middle in middles],
                    [curve[-1] for curve in curves],
                )
            ]
            table.append(f"| {operator} | {form} | {' | '.join(columns)} |")
    return table


def draw(figures: dict[str, Any], path: pathlib.Path) -> None:
    """Draws the curves of all networks and seeds."""
    from matplotlib import pyplot

    runs = figures["runs"]
    figure, axes = pyplot.subplots(
        1, len(runs), figsize=(3.6 * len(runs), 3.2), sharey=True, layout="constrained"
    )
    for axis, (operator, forms) in zip(np.atleast_1d(axes), runs.items(), strict=True):
        for form, colour in zip(FORMS, ("#3d6f9e", "#c8553d"), strict=True):
            for index, run in enumerate(forms[form].values()):
                values = 100 * np.asarray(run["validation"])
                label = form if index == 0 else None
                axis.plot(range(1, len(values) + 1), values, color=colour, alpha=0.8, label=label)
        axis.set(title=operator, xlabel="epoch")
    np.atleast_1d(axes)[0].set_ylabel("validation accuracy, %")
    np.atleast_1d(axes)[-1].legend(loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--operator", nargs="+", choices=OPERATORS, default=list(OPERATORS))
    parser.add_argument("--width", type=int, default=8, help="channels of the first layers")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--picture", type=pathlib.Path, help="draw the curves into this PNG file")
    parser.add_argument("--quick", action="store_true", help="four epochs, one seed, one network")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.epochs, options.seeds, options.operator = 4, [0], ["adder"]
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
