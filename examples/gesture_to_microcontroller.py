"""From recordings of a smartwatch to an int8 file for a microcontroller, in one run.

Trains a hybrid network (first convolution and classifier with multiplications; between them
shift layers, whose weights are powers of two, and adder layers, which sum absolute differences)
beside its twin with ordinary convolutions, exports both to .tflite, runs the files in LiteRT and
in tflite-micro, and compares accuracy, energy and size.

    python examples/gesture_to_microcontroller.py            # about five minutes on two cores
    python examples/gesture_to_microcontroller.py --quick    # a smoke run
    python examples/gesture_to_microcontroller.py --data my_recordings.npz
"""

import argparse
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # else TensorFlow reports on its own start

import demo_data
import keras
import numpy as np
import plots
import report

import keras_shiftadd as ksa

# Operator, channels, kernel, stride. Adder layers cost most while training (there is no fast
# library routine for them), so they stand where few positions are left. Strides and padding shrink
# the signal; no pooling layer is needed but the global one.
BLOCKS_1D = (
    ("conv", 16, 5, 2),
    ("shift", 32, 5, 2),
    ("adder", 32, 3, 2),
    ("shift", 48, 3, 1),
    ("adder", 48, 3, 2),
)
BLOCKS_2D = (
    ("conv", 16, 3, 2),
    ("shift", 32, 3, 1),
    ("adder", 32, 3, 2),
    ("shift", 48, 3, 1),
    ("adder", 48, 3, 2),
)
LAYERS = {
    ("conv", 1): keras.layers.Conv1D,
    ("shift", 1): ksa.layers.ShiftConv1D,
    ("adder", 1): ksa.layers.AdderConv1D,
    ("conv", 2): keras.layers.Conv2D,
    ("shift", 2): ksa.layers.ShiftConv2D,
    ("adder", 2): ksa.layers.AdderConv2D,
}
# Each the best of 0.05, 0.1, 0.2 (and 0.025 for the twin) on people held back from the training
# people; the test people of a fold had no say in it.
LEARNING_RATES = {"hybrid": 0.1, "twin": 0.05}
EPOCHS, QUICK_EPOCHS = 20, 3
BATCH = 64
CALIBRATION_SAMPLES = 256
# What the .tflite may hold of an adder layer's differences at a time: with less, tflite-micro needs
# less memory, and the file more operators.
SCRATCH_BYTES = 32 * 1024


def build_network(network: str, input_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Builds the "hybrid" or its "twin", the same architecture with ordinary convolutions."""
    rank = len(input_shape) - 1
    sizes = input_shape[:-1]
    inputs = keras.Input(input_shape)
    x = keras.layers.GaussianNoise(0.1)(inputs)
    for operator, channels, kernel, stride in BLOCKS_1D if rank == 1 else BLOCKS_2D:
        if network == "twin":
            operator = "conv"
        stride = stride if min(sizes) >= 6 else 1  # small images keep what they have
        sizes = tuple(-(-size // stride) for size in sizes)
        # Weight decay draws weights towards zero. Adder weights are places, not factors: theirs
        # is left out.
        decay = None if operator == "adder" else keras.regularizers.L2(5e-4)
        x = LAYERS[operator, rank](
            channels, kernel, stride, "same", use_bias=False, kernel_regularizer=decay
        )(x)
        # Adder outputs are large negative numbers; BatchNormalization centres them. Its averages
        # must follow weights that change quickly: momentum 0.9 instead of Keras' 0.99.
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    pooling = (
        keras.layers.GlobalAveragePooling1D if rank == 1 else (keras.layers.GlobalAveragePooling2D)
    )
    x = keras.layers.Dropout(0.3)(pooling()(x))
    return keras.Model(inputs, keras.layers.Dense(classes)(x), name=network)


class AugmentedBatches(keras.utils.PyDataset):
    """Batches of the training samples, shuffled and augmented anew in each epoch."""

    def __init__(self, fold: demo_data.Fold, seed: int) -> None:
        super().__init__()
        self.fold, self.rng = fold, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.fold.x_train) // BATCH)

    def on_epoch_end(self) -> None:
        """Prepares the next epoch."""
        order = self.rng.permutation(len(self.fold.x_train))
        x = self.fold.x_train[order]
        if self.fold.augment is not None:
            x = self.fold.augment(x, self.rng)
        self.x, self.y = self.fold.standardise(x), self.fold.y_train[order]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[batch], self.y[batch]


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
        print(
            f"{self.title:<15} [{bar}] epoch {done:2d}/{epochs}  loss {logs['loss']:.3f}  "
            f"accuracy {logs['accuracy']:6.1%}  {left:4.0f} s left",
            end="\r" if sys.stdout.isatty() and done < epochs else "\n",
            flush=True,
        )


def train(model: keras.Model, fold: demo_data.Fold, title: str, epochs: int, seed: int) -> dict:
    """Trains with SGD and a cosine schedule (Adam is a poor match for adder gradients)."""
    batches = AugmentedBatches(fold, seed)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATES[model.name], epochs * len(batches))
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model.fit(batches, epochs=epochs, verbose=0, callbacks=[ProgressLine(title)]).history


@dataclass(frozen=True)
class Result:
    """What one network did on one fold."""

    float_accuracy: float
    litert_accuracy: float
    micro_accuracy: float
    energy_nj: float
    products: int
    other_products: int
    file_bytes: int
    arena_bytes: int


def export_and_measure(
    model: keras.Model, fold: demo_data.Fold, path: Path
) -> tuple[Result, np.ndarray]:
    """Exports to .tflite; returns the figures, and what tflite-micro predicts on the test."""
    x_train, x_test = fold.standardise(fold.x_train), fold.standardise(fold.x_test)
    every = max(1, len(x_train) // CALIBRATION_SAMPLES)
    exported = ksa.export.to_tflite(
        model,
        path,
        calibration_data=x_train[::every][:CALIBRATION_SAMPLES],
        max_scratch_bytes=SCRATCH_BYTES,
        verbose=0,
    )
    predicted = {"float": model.predict(x_test, verbose=0).argmax(axis=1)}
    for runtime in ("litert", "tflite-micro"):
        interpreter = ksa.export.Interpreter(path, runtime=runtime)
        predicted[runtime] = interpreter.predict(x_test).argmax(axis=1)
    accuracy = {name: float(np.mean(p == fold.y_test)) for name, p in predicted.items()}
    result = Result(
        float_accuracy=accuracy["float"],
        litert_accuracy=accuracy["litert"],
        micro_accuracy=accuracy["tflite-micro"],
        energy_nj=ksa.summary(model, verbose=False).totals.energy_nj,
        products=exported.audit.multiplications,
        other_products=sum(
            operator.multiplications or 0
            for operator in exported.audit.operators
            if not operator.powers_of_two
        ),
        file_bytes=exported.size_bytes,
        arena_bytes=interpreter.arena_bytes or 0,
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
    parser.add_argument("--epochs", type=int, help=f"default {EPOCHS}; {QUICK_EPOCHS} if --quick")
    parser.add_argument("--folds", type=int, help="default 3 for gestures, else 1; 1 if --quick")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and random splits")
    parser.add_argument(
        "--limit",
        type=int,
        help=f"use at most this many training samples, 0 for all; default "
        f"{demo_data.IMAGE_LIMIT} for the image sets with a test split of their own",
    )
    parser.add_argument("--output", type=Path, default=Path("runs/demo"), help="folder to write to")
    parser.add_argument("--quick", action="store_true", help="few epochs, one fold: a smoke run")
    options = parser.parse_args(arguments)
    if options.epochs is None:
        options.epochs = QUICK_EPOCHS if options.quick else EPOCHS
    if options.folds is None and options.quick:
        options.folds = 1
    if options.limit is None and options.quick:
        options.limit = 4000
    for name, least in (("epochs", 1), ("seed", 0), ("limit", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"--{name} must be at least {least}. Received: {value}.")
    try:
        options.loaded = demo_data.load(options.data, options.folds, options.seed, options.limit)
        options.output.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    return options


def main(arguments: list[str] | None = None) -> None:
    """Trains, exports, measures and reports."""
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
        for network in results:
            keras.utils.clear_session()  # layer names count from the start for each network
            keras.utils.set_random_seed(options.seed + number)
            model = build_network(network, fold.x_train.shape[1:], len(data.classes))
            title = f"{network}, fold {number}"
            history = train(model, fold, title, options.epochs, options.seed + number)
            stem = options.output / f"{network}-fold{number}"
            model.save(stem.with_suffix(".keras"))
            result, predicted = export_and_measure(model, fold, stem.with_suffix(".tflite"))
            print(
                f"{title}: accuracy float {result.float_accuracy:.1%}, int8 in LiteRT "
                f"{result.litert_accuracy:.1%}, in tflite-micro {result.micro_accuracy:.1%}"
            )
            results[network].append(result)
            curves[network].append(history)
            if network == "hybrid":
                np.add.at(confusion, (fold.y_test, predicted), 1)
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


if __name__ == "__main__":
    main()
