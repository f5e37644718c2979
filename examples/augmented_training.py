"""Trains a tiny network plainly and inside wide ones (ShiftAddAug), and draws both trainings.

    python examples/augmented_training.py                                 # gestures, adder layers
    python examples/augmented_training.py --operator shift --epochs 60
    python examples/augmented_training.py --data series.npz --width 16

Both trainings start from the same weights, see the same batches and take as many epochs; the
augmented one takes longer. A fifth of the training samples (for gestures, a third of the people) is
held back to draw the accuracy over the epochs. Statistics of BatchNormalization are estimated anew
before each validation: with moving averages the middle of an adder network's training cannot be
seen. Energies of the layers and int8 ranges of the activations are drawn, too.

An .npz file holds `x`, series (samples, steps, channels) or images (samples, rows, columns,
channels), and `y`, a class a sample.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import demo_data
import keras
import plots

import keras_shiftadd as ksa

LAYERS: dict[str, tuple[Any, Any]] = {
    "conv": (keras.layers.Conv1D, keras.layers.Conv2D),
    "shift": (ksa.layers.ShiftConv1D, ksa.layers.ShiftConv2D),
    "adder": (ksa.layers.AdderConv1D, ksa.layers.AdderConv2D),
}


def make_network(
    input_shape: tuple[int, ...], classes: int, operator: str, width: int
) -> keras.Model:
    """A convolution, four layers of an operator, and a classifier."""
    images = len(input_shape) == 3
    pooling = (keras.layers.GlobalAveragePooling1D, keras.layers.GlobalAveragePooling2D)[images]
    layers = [LAYERS["conv"][images](width, 3, padding="same", use_bias=False)]
    for size, strides in ((width, 2), (width, 1), (2 * width, 2), (2 * width, 1)):
        layers.append(
            LAYERS[operator][images](size, 3, strides=strides, padding="same", use_bias=False)
        )
    x = inputs = keras.Input(input_shape)
    for layer in layers:
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(layer(x)))
    return keras.Model(inputs, keras.layers.Dense(classes)(pooling()(x)))


def train(
    fold: demo_data.Fold, classes: int, options: argparse.Namespace, callbacks: list[Any]
) -> keras.Model:
    """Trains a network; what `fit` returned is its `history`."""
    keras.utils.set_random_seed(options.seed)
    model = make_network(fold.x_train.shape[1:], classes, options.operator, options.width)
    inner = fold.inner(options.seed)
    batches = demo_data.AugmentedBatches(inner, options.seed)
    rate = keras.optimizers.schedules.CosineDecay(0.1, options.epochs * len(batches))
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    samples = inner.standardise(inner.x_train)
    model.fit(
        batches,
        validation_data=(inner.standardise(inner.x_test), inner.y_test),
        epochs=options.epochs,
        callbacks=[*callbacks, ksa.callbacks.BatchNormalizationRecalibration(samples)],
        verbose=2,
    )
    return model


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", default="gestures", help=f"{', '.join(demo_data.NAMES)}, or an .npz file"
    )
    parser.add_argument("--operator", choices=tuple(LAYERS), default="adder")
    parser.add_argument("--width", type=int, default=8, help="channels of the first layers")
    parser.add_argument("--widths", type=float, nargs="+", default=[1.6, 2.2, 2.8])
    parser.add_argument("--form", choices=("own", "conv", "mixed"), default="own")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/augmented_training"))
    parser.add_argument("--quick", action="store_true", help="a smoke run: few samples and epochs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.epochs, options.widths = 2, [1.5]
    return options


def main(arguments: list[str] | None = None) -> None:
    """Trains twice, tests and draws."""
    options = parse_arguments(arguments)
    data = demo_data.load(options.data, 1, options.seed, 400 if options.quick else None)
    fold, classes = data.folds[0], len(data.classes)
    augmentation = ksa.callbacks.HybridAugmentation(
        widths=tuple(options.widths), operator=options.form, seed=options.seed
    )
    options.output.mkdir(parents=True, exist_ok=True)
    curves, test_accuracy = {}, {}
    for name, callbacks in (("plain", []), ("augmented", [augmentation])):
        start = time.perf_counter()
        model = train(fold, classes, options, callbacks)
        seconds = time.perf_counter() - start
        model.save(options.output / f"{name}.keras")
        curves[name] = [model.history.history]
        _, accuracy = model.evaluate(fold.standardise(fold.x_test), fold.y_test, verbose=0)
        test_accuracy[name] = accuracy
        print(f"{name}: test accuracy {accuracy:.1%}, {seconds:.0f} s")
    print(augmentation.describe())
    plots.plot_training(curves, test_accuracy, options.output / "training.png")
    plots.plot_network(model, fold.standardise(fold.x_train)[::20], options.output)
    print(f"Networks and pictures: {options.output}")


if __name__ == "__main__":
    main()
