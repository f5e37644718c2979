"""plot_pareto."""

from typing import TYPE_CHECKING, Any

from keras_shiftadd import _drawing as drawing
from keras_shiftadd.tuners._plots import trials
from keras_shiftadd.tuners.pareto import pareto_front, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keras_shiftadd.cost import Budget


def plot_pareto(
    history: Any,
    cost_name: str = "energy_uj",
    maximize: bool | None = None,
    score_name: str | None = None,
    budget: "Budget | None" = None,
    label: str | None = None,
    ax: "Axes | None" = None,
) -> "Figure":
    """Plots score against cost, a point a trial, and the front of those that none beats.

    The front is drawn in steps: what can be had up to that cost. Its points have the ids of their
    trials. Several searches can be drawn on the same axes, each with a `label`. Needs matplotlib.

    Args:
        history: What a search has tried: an object with a method `history()`, or the list of
            records that it returns, with a `"score"` and a `"cost"` each. Trials without a score
            are left out.
        cost_name: String, the cost to compare: `"energy_uj"`, `"instructions"`, `"flash"` or
            `"ram"`.
        maximize: Boolean, whether a high score is the better one. `None` asks the objective of
            `history`; for a list, it is True.
        score_name: String, what the score is. `None` asks the objective of `history`.
        budget: `keras_shiftadd.cost.Budget` whose limit of this cost is marked, or `None`.
        label: String, name of the search in the legend.
        ax: Matplotlib axes to draw on; `None` makes a new figure.

    Returns:
        The matplotlib figure; of given axes, the one that they are on.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If there is nothing to draw, or no trial has a cost of this name.

    Example:

    >>> records = [
    ...     {"trial_id": "0", "score": 0.6, "cost": {"energy_uj": 3.0}},
    ...     {"trial_id": "1", "score": 0.8, "cost": {"energy_uj": 5.0}},
    ... ]
    >>> figure = keras_shiftadd.tuners.plot_pareto(records, score_name="accuracy")
    """
    records, maximize, score_name = trials.read_history(history, maximize, score_name)
    found = points(records, cost_name, maximize)
    if not found:
        raise ValueError(
            "At least one trial must have a score and a cost to compare. Received: "
            f"{len(records)} trials, none with a score and a cost {cost_name!r}."
        )
    ax = drawing.axes(ax, figsize=(6.5, 4.5))
    front = pareto_front(records, cost_name, maximize)
    (line,) = ax.plot(
        [record["cost"][cost_name] for record in front],
        [record["score"] for record in front],
        drawstyle="steps-post",
        marker="o",
        label="Pareto front" if label is None else label,
        zorder=3,
    )
    ax.scatter(
        [cost for cost, _, _ in found],
        [record["score"] for _, _, record in found],
        s=16,
        alpha=0.35,
        color=line.get_color(),
        linewidths=0,
        label="trial" if label is None else None,
    )
    for record in front:
        ax.annotate(
            str(record.get("trial_id", "")),
            (record["cost"][cost_name], record["score"]),
            xytext=(3, 4 if maximize else -10),
            textcoords="offset points",
            fontsize="x-small",
        )
    limit = None if budget is None else budget.limits.get(cost_name)
    if limit is not None:
        ax.axvline(limit, color=drawing.NEUTRAL, linestyle="--", label="budget")
    drawing.tidy(ax, trials.cost_label(cost_name), score_name)
    ax.legend(frameon=False)
    return drawing.figure_of(ax)
