"""What int8 costs in accuracy: networks of conv, shift, adder, and all three, step by step.

    python benchmarks/int8_accuracy.py --json int8.json                          # gestures
    python benchmarks/int8_accuracy.py --set keywords --data FILE.npz --json int8.json
    python benchmarks/int8_accuracy.py --render int8.json

One random network of each space is trained with the recipe of the search benchmarks, and quantised:
with ranges by minimum and maximum, by least squared error, with adder weights redistributed, with
biases corrected, and after fine-tuning with int8 rounding. The int8 networks run in the NumPy
reference, whose bits all other runners have. Seeds test on folds. What is in the JSON file already
is not measured again.
"""

import argparse
import random
from typing import Any

import commands
import machine
import numpy as np
from search_statistics import mean_and_deviation

SPACES = {
    "conv": ("conv",),
    "shift": ("shift",),
    "adder": ("adder",),
    "hybrid": ("conv", "shift", "adder"),
}
CALIBRATION = 256
# Of the rate of the training, at which the fine-tuning starts.
TUNING_SHARE = 0.05
GOAL = 1.0  # point of accuracy that int8 may cost


def measure(options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Adds to `figures` what is missing, and saves after each network."""
    import search_data

    setting = {
        "data": options.set,
        "epochs": options.epochs,
        "tuning_epochs": options.tuning_epochs,
    }
    commands.keep_setting(options, figures, setting)
    runs = figures.setdefault("runs", {name: {} for name in SPACES})
    for seed in options.seeds:
        missing = [name for name in options.networks if str(seed) not in runs[name]]
        data = search_data.load(options.set, options.data, seed % 3) if missing else None
        for name in missing:
            runs[name][str(seed)] = run = _measure(name, data, seed, options)
            machine.write(options.json, figures)
            print(f"seed {seed}, {name}: {100 * run['float']:.2f} %, {_steps(run)}", flush=True)


def _measure(name: str, data: Any, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    import keras
    from search_training import calibration_samples, train_alone

    import keras_shiftadd as ksa

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = _network(name, data, seed)
    train_alone(model, data, options.epochs, seed)
    calibration = calibration_samples(data)[:CALIBRATION]
    tuned = None
    if options.tuning_epochs:
        tuned = ksa.export.quantization_aware(model, calibration)
        _tune(tuned, data, options.tuning_epochs, seed)
    report = ksa.export.quantization_report(model, calibration, data.x_test, data.y_test, tuned)
    return {
        "float": report.float_accuracy,
        "fine_tuned_float": report.fine_tuned_float_accuracy,
        "parameters": model.count_params(),
        "steps": {
            step.step: {
                "accuracy": step.accuracy,
                "agreement": step.agreement,
                "error": step.error,
            }
            for step in report.steps
        },
        "adders": {
            adder.name: {"weights": adder.share, "inputs": adder.inputs} for adder in report.adders
        },
    }


def _network(name: str, data: Any, seed: int) -> Any:
    from search_evolution import spaces_of

    space = spaces_of(data, SPACES)[name]
    rng = random.Random(seed)
    architecture = space.sample(rng)
    while any(operator not in str(architecture) for operator in SPACES[name]):
        architecture = space.sample(rng)
    return space.build(architecture)


def _tune(model: Any, data: Any, epochs: int, seed: int) -> None:
    import keras
    from search_data import Batches
    from search_training import BATCH, RATE, calibration_samples, compile_for

    import keras_shiftadd as ksa

    batches = Batches(data, BATCH, seed + 1)
    rate = keras.optimizers.schedules.CosineDecay(TUNING_SHARE * RATE, epochs * len(batches))
    compile_for(model, keras.optimizers.SGD(rate, momentum=0.9, nesterov=True))
    model.fit(batches, epochs=epochs, verbose=0)
    ksa.callbacks.recalibrate_batch_normalization(model, calibration_samples(data))


def _steps(run: dict[str, Any]) -> str:
    return ", ".join(f"{name} {100 * of['accuracy']:.2f}" for name, of in run["steps"].items())


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table, the weights clamped, and whether the goal is reached."""
    runs = {name: list(of.values()) for name, of in figures["runs"].items() if of}
    steps = list(next(iter(runs.values()))[0]["steps"])
    table = [
        "Test accuracy in %, mean ± deviation of the seeds; in brackets the share of samples that "
        "have the same class as in float.",
        "",
        f"| network | float | {' | '.join(steps)} |",
        f"|---|---|{'---|' * len(steps)}",
    ]
    verdicts = []
    for name, of in runs.items():
        floats = np.array([100 * run["float"] for run in of])
        cells = [mean_and_deviation(floats, digits=2)]
        for step in steps:
            accuracies = np.array([100 * run["steps"][step]["accuracy"] for run in of])
            agreement = np.mean([100 * run["steps"][step]["agreement"] for run in of])
            cells.append(f"{mean_and_deviation(accuracies, digits=2)} ({agreement:.1f})")
        table.append(f"| {name} | {' | '.join(cells)} |")
        lost = floats - [100 * run["steps"]["bias corrected"]["accuracy"] for run in of]
        verdict = "reached" if lost.mean() <= GOAL else "NOT reached"
        verdicts.append(f"- {name}: int8 costs {lost.mean():+.2f} points, {verdict}{_clamped(of)}")
    return [*table, "", f"Goal: at most {GOAL:g} point without fine-tuning.", *verdicts]


def _clamped(runs: list[dict[str, Any]]) -> str:
    shares = [adder["weights"] for run in runs for adder in run["adders"].values()]
    if not shares:
        return ""
    return (
        f"; of the weights of its adder layers {100 * np.mean(shares):.0f} % are beyond the inputs "
        f"({100 * min(shares):.0f} to {100 * max(shares):.0f} % of a layer)"
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_data_arguments(parser)
    parser.add_argument("--networks", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--tuning-epochs", type=int, default=2, help="0 for no fine-tuning")
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.epochs, options.tuning_epochs = options.seeds[:1], 1, 1
    return options


def main() -> None:
    """Measures what is missing, or renders what was measured."""
    commands.resume(parse(), measure, lines)


if __name__ == "__main__":
    main()
