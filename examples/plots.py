"""The pictures of the examples: a search, trainings, a network, a confusion matrix."""

from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("Agg")  # files only: the demo also runs where there is no screen
from matplotlib import pyplot

import keras_shiftadd as ksa


def plot_search(
    tuner: ksa.tuners.HybridTuner,
    architecture: dict[str, Any],
    cost: str,
    path: Path,
) -> None:
    """Draws accuracy and cost of all trials, and the architecture that was chosen.

    Args:
        tuner: The search.
        architecture: The winner.
        cost: What is drawn beside the accuracy, `"instructions"` or `"energy_uj"`.
        path: The PNG to write.
    """
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    ksa.tuners.plot_pareto(tuner, cost, budget=tuner.oracle.budget, ax=axes[0])
    ksa.tuners.plot_architecture(tuner.space, architecture, ax=axes[1])
    figure.suptitle("Trials with the weights of the supernet, and the winner")
    _save(figure, path)


def plot_training(
    curves: dict[str, list[dict[str, list[float]]]],
    test_accuracy: dict[str, float],
    path: Path,
) -> None:
    """Draws loss and accuracy over the epochs, and the test accuracy at the end.

    Args:
        curves: For each network a Keras history for each fold.
        test_accuracy: For each network the mean over the folds.
        path: The PNG to write.
    """
    figure = ksa.callbacks.plot_training(curves)
    left, right = figure.axes
    left.set_yscale("log")
    for network, accuracy in test_accuracy.items():
        [line, *_] = [one for one in right.get_lines() if one.get_label() == network]
        label = f"{network}, test, after the last epoch: {accuracy:.1%}"
        right.axhline(accuracy, color=line.get_color(), linestyle="--", label=label)
    right.legend(frameon=False)
    _save(figure, path)


def plot_network(model: keras.Model, calibration_data: Any, folder: Path) -> None:
    """Draws the energy of each layer, and the ranges of the activations in int8.

    Args:
        model: A trained network.
        calibration_data: Typical inputs.
        folder: Where `energy.png` and `ranges.png` are written.
    """
    data = ksa.summary(model, verbose=False)
    _save(ksa.cost.plot_summary(data), folder / "energy.png")
    _save(ksa.export.plot_ranges(model, calibration_data), folder / "ranges.png")


def plot_confusion(counts: list[list[int]], classes: list[str], title: str, path: Path) -> None:
    """Draws how often each true class (row) was taken for each class (column), in percent."""
    rows = [[100 * count / max(1, sum(row)) for count in row] for row in counts]
    size = 2.5 + 0.6 * min(len(classes), 20)
    figure, axis = pyplot.subplots(figsize=(size + 1, size), layout="constrained")
    image = axis.imshow(rows, cmap="Blues", vmin=0, vmax=100)
    if len(classes) <= 20:  # beyond that, names and numbers would overlap
        axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axis.set_yticks(range(len(classes)), classes)
        for i, row in enumerate(rows):
            for j, share in enumerate(row):
                if share >= 0.5:
                    colour = "white" if share > 55 else "black"
                    axis.text(j, i, f"{share:.0f}", ha="center", va="center", color=colour)
    axis.set(xlabel="predicted class", ylabel="true class", title=title)
    figure.colorbar(image, label="share of the true class (%)", shrink=0.8)
    _save(figure, path)


def _save(figure: pyplot.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
