"""From recordings of a smartwatch to firmware for a microcontroller, in one run.

Searches for a hybrid network, whose blocks multiply (conv), shift (weights that are powers of two)
or sum absolute differences (adder): one set of shared weights is trained, and a hundred networks
within a budget of instructions on a Cortex-M4 are compared with it. Trains the winner and its twin
with ordinary convolutions, exports both to .tflite, runs the files in LiteRT and in tflite-micro,
writes both as C, runs that here and on an emulated Cortex-M4 and rv32i, and compares accuracy,
energy, executed instructions and size.

    python examples/gesture_to_microcontroller.py            # some minutes on two cores
    python examples/gesture_to_microcontroller.py --quick    # a smoke run
    python examples/gesture_to_microcontroller.py --data my_recordings.npz
"""

import argparse
import copy
import json
import os
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else TensorFlow reports on its own start

import demo_data
import firmware
import keras
import numpy as np
import plots
import report

import keras_shiftadd as ksa

# The choices of the search: channels, blocks, kernel sizes and expansions. Small, so that the
# supernet is compiled and trained in minutes.
CHOICES: dict[str, Any] = {
    "widths": ((16, 24), (24, 32), (32, 48)),
    "depths": ((1,), (1, 2), (1, 2)),
    "kernel_sizes": (3, 5),
    "expansions": (2, 3),
}
QUICK_CHOICES = {**CHOICES, "depths": ((1,), (1,), (1,)), "kernel_sizes": (3,)}
# The budget, as a share of what the largest network of ordinary convolutions needs.
BUDGET_SHARE = 0.5
TARGET = "cortex-m4"
EPOCHS, QUICK_EPOCHS = 20, 2
TRIALS, QUICK_TRIALS = 100, 6
CALIBRATION_SAMPLES = 256
# What the .tflite may hold of an adder layer's differences at a time: with less, tflite-micro needs
# less memory, and the file more operators.
SCRATCH_BYTES = 32 * 1024


def make_space(input_shape: tuple[int, ...], classes: int, quick: bool) -> ksa.tuners.HybridSpace:
    """The networks to choose from; small inputs keep the positions that they have."""
    size, strides = min(input_shape[:-1]), []
    for _ in range(4):  # the stem and three stages
        strides.append(2 if size >= (16 if not strides else 6) else 1)
        size = -(-size // strides[-1])
    return ksa.tuners.HybridSpace(
        input_shape,
        classes,
        operators=("conv", "shift", "adder"),
        stem_stride=strides[0],
        strides=tuple(strides[1:]),
        **(QUICK_CHOICES if quick else CHOICES),
    )


def twin_of(architecture: dict[str, Any]) -> dict[str, Any]:
    """The same architecture with ordinary convolutions."""
    twin = copy.deepcopy(architecture)
    for stage in twin["stages"]:
        for block in stage["blocks"]:
            block["operator"] = "conv"
    return twin


class ProgressLine(keras.callbacks.Callback):
    """A bar for a network and fold: rewritten in a terminal, a line an epoch in a file."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts the clock."""
        self.start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Prints the bar."""
        done, epochs, logs = epoch + 1, self.params["epochs"], logs or {}
        left = (time.monotonic() - self.start) * (epochs - done) / done
        filled = 24 * done // epochs
        bar = "#" * filled + "." * (24 - filled)
        test = f"  test {logs['val_accuracy']:6.1%}" if "val_accuracy" in logs else ""
        print(
            f"{self.title:<15} [{bar}] epoch {done:2d}/{epochs}  loss {logs['loss']:.3f}  "
            f"accuracy {logs['accuracy']:6.1%}{test}  {left:4.0f} s left",
            end="\r" if sys.stdout.isatty() and done < epochs else "\n",
            flush=True,
        )


class Search(ksa.tuners.HybridTuner):
    """A search that shows how far it is."""

    def on_trial_end(self, trial: Any) -> None:
        """Prints a bar for the trials."""
        super().on_trial_end(trial)
        records = self.history()
        done, trials = len(records), self.oracle.max_trials
        best = max(record["score"] or 0.0 for record in records)
        filled = 24 * done // trials
        last = done == trials
        if last or sys.stdout.isatty():
            print(
                f"{'trials':<15} [{'#' * filled}{'.' * (24 - filled)}] {done}/{trials}  "
                f"best validation accuracy {best:6.1%}",
                end="\n" if last else "\r",
                flush=True,
            )


def measure_of(target: str) -> tuple[str, str]:
    """What a budget limits on a target, and how it is written."""
    if ksa.cost.HARDWARE[target].has_instructions:
        return "instructions", "{:,.0f} instructions"
    return "energy_uj", "{:.2f} µJ"


def make_budget(
    space: ksa.tuners.HybridSpace, options: argparse.Namespace, seed: int
) -> ksa.cost.Budget:
    """What one inference may cost on the target."""
    measure, _ = measure_of(options.target)
    limit = options.budget
    if limit is None:
        largest = twin_of(space.extreme(random.Random(seed), largest=True))
        anything = ksa.cost.Budget(**{measure: 1.0}, target=options.target)
        limit = BUDGET_SHARE * getattr(space.cost(largest, anything), measure)
    return ksa.cost.Budget(**{measure: limit}, target=options.target)


def search(fold: demo_data.Fold, options: argparse.Namespace, seed: int, folder: Path) -> Search:
    """Trains the supernet on a part of the training samples, and scores trials on the others."""
    inner = fold.inner(seed)
    space = make_space(fold.x_train.shape[1:], int(fold.y_train.max()) + 1, options.quick)
    budget = make_budget(space, options, seed)
    measure, form = measure_of(options.target)
    tuner = Search(
        space,
        budget=budget,
        max_trials=options.trials,
        supernet=ksa.tuners.Supernet(space, seed=seed),
        seed=seed,
        directory=folder,
        project_name="search",
        overwrite=True,
    )
    print(
        f"Search: at most {form.format(getattr(budget, measure))} an inference, {options.target}; "
        f"{len(inner.x_train)} samples train the supernet, {len(inner.x_test)} score trials",
        flush=True,
    )
    tuner.search(
        demo_data.AugmentedBatches(inner, seed),
        validation_data=(inner.standardise(inner.x_test), inner.y_test),
        epochs=options.epochs,
        callbacks=[ProgressLine("supernet")],
        verbose=0,
    )
    return tuner


@dataclass(frozen=True)
class Result:
    """What one network did on one fold."""

    float_accuracy: float
    litert_accuracy: float
    micro_accuracy: float
    energy_uj: float
    energy_nj: float
    products: int
    other_products: int
    file_bytes: int
    arena_bytes: int
    c_accuracy: float
    cortex_instructions: float
    riscv_instructions: float
    flash_bytes: int
    ram_bytes: int


def export_and_measure(
    model: keras.Model, fold: demo_data.Fold, path: Path
) -> tuple[Result, np.ndarray]:
    """Exports to .tflite and C; returns the figures, and what tflite-micro predicts on the test."""
    x_train, x_test = fold.standardise(fold.x_train), fold.standardise(fold.x_test)
    every = max(1, len(x_train) // CALIBRATION_SAMPLES)
    calibration_data = x_train[::every][:CALIBRATION_SAMPLES]
    exported = ksa.export.to_tflite(
        model,
        path,
        calibration_data=calibration_data,
        max_scratch_bytes=SCRATCH_BYTES,
        verbose=0,
    )
    predicted = {"float": model.predict(x_test, verbose=0).argmax(axis=1)}
    for runtime in ("litert", "tflite-micro"):
        interpreter = ksa.export.Interpreter(path, runtime=runtime)
        predicted[runtime] = interpreter.predict(x_test).argmax(axis=1)
    built = firmware.build(model, calibration_data, x_test, path.with_suffix(""))
    predicted["c"] = built.predicted
    accuracy = {name: float(np.mean(p == fold.y_test)) for name, p in predicted.items()}
    result = Result(
        float_accuracy=accuracy["float"],
        litert_accuracy=accuracy["litert"],
        micro_accuracy=accuracy["tflite-micro"],
        energy_uj=ksa.cost.estimate(model).energy_uj or 0.0,
        energy_nj=ksa.summary(model, verbose=False).totals.energy_nj,
        products=exported.audit.multiplications,
        other_products=sum(
            operator.multiplications or 0
            for operator in exported.audit.operators
            if not operator.powers_of_two
        ),
        file_bytes=exported.size_bytes,
        arena_bytes=interpreter.arena_bytes or 0,
        c_accuracy=accuracy["c"],
        cortex_instructions=built.cortex_instructions,
        riscv_instructions=built.riscv_instructions,
        flash_bytes=built.flash_bytes,
        ram_bytes=built.ram_bytes,
    )
    return result, predicted["tflite-micro"]


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        default="gestures",
        help=f"{', '.join(demo_data.NAMES)}, or an .npz file with arrays x (samples, steps, "
        "channels) or (samples, rows, columns, channels) and y (a class a sample)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        help="of the supernet, and of each network afterwards; "
        f"default {EPOCHS}; {QUICK_EPOCHS} if --quick",
    )
    parser.add_argument(
        "--trials",
        type=int,
        help=f"networks that are compared; default {TRIALS}; {QUICK_TRIALS} if --quick",
    )
    parser.add_argument(
        "--budget",
        type=float,
        help="most instructions of an inference, or microjoules on a target of energies; default "
        f"{BUDGET_SHARE:.0%} of what the largest network of ordinary convolutions needs",
    )
    parser.add_argument(
        "--target",
        choices=list(ksa.cost.HARDWARE),
        default=TARGET,
        help="the hardware that the budget is for; default %(default)s",
    )
    parser.add_argument("--folds", type=int, default=1, help="searches on other people; default 1")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and random splits")
    parser.add_argument(
        "--limit",
        type=int,
        help=f"use at most this many training samples, 0 for all; default "
        f"{demo_data.IMAGE_LIMIT} for the image sets with a test split of their own",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/demo"), help="folder to write to")
    parser.add_argument("--quick", action="store_true", help="few choices and epochs: a smoke run")
    options = parser.parse_args(arguments)
    if options.epochs is None:
        options.epochs = QUICK_EPOCHS if options.quick else EPOCHS
    if options.trials is None:
        options.trials = QUICK_TRIALS if options.quick else TRIALS
    if options.limit is None and options.quick:
        options.limit = 1000
    for name, least in (("epochs", 1), ("trials", 1), ("seed", 0), ("limit", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"--{name} must be at least {least}. Received: {value}.")
    if options.budget is not None and not options.budget > 0:
        parser.error(f"--budget must be above 0. Received: {options.budget}.")
    try:
        options.loaded = demo_data.load(options.data, options.folds, options.seed, options.limit)
        options.output.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    return options


def main(arguments: list[str] | None = None) -> None:
    """Searches, trains, exports, measures and reports."""
    options = parse_arguments(arguments)
    data, start = options.loaded, time.monotonic()
    first = data.folds[0]
    print(
        f"{data.name}: samples {first.x_train.shape[1:]}, {len(data.classes)} classes, "
        f"{report.folds(len(data.folds))}, {data.split}.\n"
        f"Keras {keras.__version__} on {keras.backend.backend()}, "
        f"keras_shiftadd {ksa.__version__}."
    )
    results: dict[str, list[Result]] = {"hybrid": [], "twin": []}
    curves: dict[str, list[dict]] = {"hybrid": [], "twin": []}
    confusion = np.zeros((len(data.classes), len(data.classes)), int)
    for number, fold in enumerate(data.folds, start=1):
        print(f"\nFold {number}: {len(fold.x_train)} training, {len(fold.x_test)} test samples")
        folder = options.output / f"fold{number}"
        keras.utils.clear_session()  # layer names count from the start in each fold
        seed = options.seed + number
        try:
            tuner = search(fold, options, seed, folder)
        except ValueError as error:  # a budget that no network keeps
            sys.exit(str(error))
        winner = tuner.best_architectures()[0]
        (folder / "architecture.json").write_text(json.dumps(winner, indent=2) + "\n")
        measure, _ = measure_of(options.target)
        plots.plot_search(tuner, winner, measure, folder / "search.png")
        print(f"Winner: {describe(winner)}")
        for network in results:
            architecture = winner if network == "hybrid" else twin_of(winner)
            title = f"{network}, fold {number}"
            batches = demo_data.AugmentedBatches(fold, seed)
            # Moving averages lag behind adder layers: without it the figures after each epoch
            # would be too low. A third of the test shows the way; nothing is chosen by it.
            recalibration = ksa.callbacks.BatchNormalizationRecalibration(
                batches, samples=CALIBRATION_SAMPLES
            )
            model = tuner.retrain(
                architecture,
                batches,
                validation_data=(fold.standardise(fold.x_test[::3]), fold.y_test[::3]),
                epochs=options.epochs,
                callbacks=[recalibration, ProgressLine(title)],
                seed=seed,
                verbose=0,
            )
            stem = folder / network
            model.save(stem.with_suffix(".keras"))
            result, predicted = export_and_measure(model, fold, stem.with_suffix(".tflite"))
            print(
                f"{title}: accuracy float {result.float_accuracy:.1%}, int8 in LiteRT "
                f"{result.litert_accuracy:.1%}, in tflite-micro {result.micro_accuracy:.1%}, "
                f"as C {result.c_accuracy:.1%}"
            )
            results[network].append(result)
            curves[network].append(model.history.history)
            if network == "hybrid":
                np.add.at(confusion, (fold.y_test, predicted), 1)
                plots.plot_network(model, fold.standardise(fold.x_train)[::20], folder)
            if number == len(data.folds):
                print()
                ksa.summary(model)
    accuracy = {n: float(np.mean([r.float_accuracy for r in rs])) for n, rs in results.items()}
    plots.plot_training(curves, accuracy, options.output / "training.png")
    plots.plot_confusion(
        confusion.tolist(),
        data.classes,
        "Hybrid network, int8 in tflite-micro,\ntest samples of all folds",
        options.output / "confusion.png",
    )
    text = report.side_by_side({n: [asdict(r) for r in rs] for n, rs in results.items()})
    (options.output / "report.txt").write_text(text)
    print("\n" + text)
    if options.quick:
        print("Quick mode: the accuracy is not meaningful, the networks are hardly trained.")
    print(f"{time.monotonic() - start:.0f} s. Files, pictures and this table: {options.output}")


def describe(architecture: dict[str, Any]) -> str:
    """An architecture in a line: channels of each stage, operator and window of each block."""
    return ", ".join(
        f"{stage['width']} channels ("
        + " ".join(f"{block['operator']}{block['kernel_size']}" for block in stage["blocks"])
        + ")"
        for stage in architecture["stages"]
    )


if __name__ == "__main__":
    main()
