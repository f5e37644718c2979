"""The pictures of the demo: the search, training curves and a confusion matrix."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files only: the demo also runs where there is no screen
from matplotlib import pyplot

import keras_shiftadd as ksa

COLOURS = {
    "hybrid": "#c8553d",
    "twin": "#3d6f9e",
    "augmented": "#c8553d",
    "plain": "#3d6f9e",
}


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
    validation: str = "validation",
) -> None:
    """Draws loss and training accuracy over the epochs, and the test accuracy at the end.

    Args:
        curves: For each network a Keras history for each fold.
        test_accuracy: For each network the mean over the folds.
        path: The PNG to write.
        validation: What the histories call validation.
    """
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for network, histories in curves.items():
        colour = COLOURS[network]
        for fold, history in enumerate(histories):
            epochs = range(1, len(history["loss"]) + 1)
            style = {"color": colour, "alpha": 0.8, "marker": "o", "markersize": 2.5}
            label = f"{network}, training" if fold == 0 else None
            axes[0].plot(epochs, history["loss"], label=label, **style)
            axes[1].plot(epochs, [100 * a for a in history["accuracy"]], label=label, **style)
            if "val_accuracy" in history:
                style = {"color": colour, "linestyle": ":"}
                label = f"{network}, {validation}" if fold == 0 else None
                axes[1].plot(
                    epochs, [100 * a for a in history["val_accuracy"]], label=label, **style
                )
        axes[1].axhline(
            100 * test_accuracy[network],
            color=colour,
            linestyle="--",
            label=f"{network}, test, after the last epoch: {test_accuracy[network]:.1%}",
        )
    axes[0].set(xlabel="epoch", ylabel="loss", yscale="log")
    axes[1].set(xlabel="epoch", ylabel="accuracy (%)")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle("Training, a line for each fold")
    _save(figure, path)


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
