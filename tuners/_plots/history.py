"""plot_history."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_shiftadd import _drawing as drawing
from keras_shiftadd.ops._numbers import positive
from keras_shiftadd.tuners._plots import trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keras_shiftadd.cost import Budget


def plot_history(
    history: Any,
    maximize: bool | None = None,
    score_name: str | None = None,
    generation_size: int | None = None,
    budget: "Budget | None" = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Plots the score of each trial in their order, and the best score so far.

    Trials without a score, which failed or still run, are crosses at the bottom. Needs matplotlib.

    Args:
        history: What a search has tried: an object with a method `history()`, or the list of
            records that it returns, with a `"score"` and a `"cost"` each.
        maximize: Boolean, whether a high score is the better one. `None` asks the objective of
            `history`; for a list, it is True.
        score_name: String, what the score is. `None` asks the objective of `history`.
        generation_size: Integer: a line is drawn after each so many trials. With the population
            size of an evolution, the first one stands where random trials end. `None` draws none.
        budget: `keras_shiftadd.cost.Budget`: trials that exceed it are drawn hollow and are not
            among the best. `None` takes all for allowed.
        ax: Matplotlib axes to draw on; `None` makes a new figure.

    Returns:
        The matplotlib figure; of given axes, the one that they are on.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If an argument is out of its range.

    Example:

    >>> records = [
    ...     {"trial_id": "0", "score": 0.6, "cost": {"energy_uj": 3.0}},
    ...     {"trial_id": "1", "score": 0.8, "cost": {"energy_uj": 5.0}},
    ... ]
    >>> figure = keras_shiftadd.tuners.plot_history(records, score_name="accuracy")
    """
    if generation_size is not None:
        generation_size = positive(generation_size, "generation_size")
    records, maximize, score_name = trials.read_history(history, maximize, score_name)
    ax = drawing.axes(ax, figsize=(6.5, 4.0))
    scores = [trials.score_of(record) for record in records]
    over = [trials.exceeds(record, budget) for record in records]
    _draw_trials(ax, scores, over)
    _draw_best(ax, scores, over, maximize)
    for start in range(generation_size or len(records), len(records), generation_size or 1):
        label = "generation" if start == generation_size else None
        ax.axvline(start + 0.5, color=drawing.NEUTRAL, linewidth=0.8, alpha=0.6, label=label)
    drawing.tidy(ax, "trial", score_name)
    ticker = importlib.import_module("matplotlib.ticker")
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False)
    return drawing.figure_of(ax)


def _draw_trials(ax: "Axes", scores: Sequence[float | None], over: Sequence[bool]) -> None:
    color = drawing.OPERATOR_COLORS["conv"]
    for is_over, label in ((False, "trial"), (True, "trial above the budget")):
        numbers, shown = [], []
        for number, (score, above) in enumerate(zip(scores, over, strict=True), start=1):
            if score is not None and above == is_over:
                numbers.append(number)
                shown.append(score)
        if numbers:
            face = "none" if is_over else color
            ax.scatter(numbers, shown, s=18, color=color, facecolors=face, label=label)
    missing = [number for number, score in enumerate(scores, start=1) if score is None]
    if missing:
        ax.plot(
            missing,
            [0.02] * len(missing),
            "x",
            color=drawing.NEUTRAL,
            transform=ax.get_xaxis_transform(),
            label="trial without a score",
        )


def _draw_best(
    ax: "Axes", scores: Sequence[float | None], over: Sequence[bool], maximize: bool
) -> None:
    numbers, bests = [], []
    best = None
    for number, (score, above) in enumerate(zip(scores, over, strict=True), start=1):
        if score is not None and not above:
            better = best is None or (score > best if maximize else score < best)
            best = score if better else best
        if best is not None:
            numbers.append(number)
            bests.append(best)
    if numbers:
        color = drawing.OPERATOR_COLORS["shift"]
        ax.plot(numbers, bests, drawstyle="steps-post", color=color, label="best so far")
