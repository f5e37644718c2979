"""What the plots of a search have in common: axes, colours, and the trials that they read."""

import importlib
import math
from typing import TYPE_CHECKING, Any, Literal

from keras_shiftadd.tuners.pareto import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from keras_shiftadd.cost import Budget

# Told apart with every kind of colour vision (Okabe and Ito).
OPERATOR_COLORS = {
    "conv": "#0072B2",
    "shift": "#E69F00",
    "adder": "#009E73",
    "attention": "#CC79A7",
}
NEUTRAL = "#808080"

_COST_LABELS = {
    "energy_uj": "energy per inference (µJ)",
    "instructions": "instructions per inference",
    "flash": "flash (bytes)",
    "ram": "RAM (bytes)",
}


def axes(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """Returns the axes to draw on: the given ones, or those of a new figure.

    Raises:
        ImportError: If matplotlib is missing.
    """
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            f"Plots need matplotlib, which could not be imported ({error}). "
            'Install it with: pip install "keras-shiftadd[examples]"'
        ) from error
    if ax is not None:
        return ax
    _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    return ax


def tidy(ax: "Axes", xlabel: str, ylabel: str, grid: Literal["both", "y"] = "both") -> None:
    """Labels the axes, and takes away what only fills them."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(axis=grid, alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def cost_label(cost_name: str) -> str:
    """A cost in words, with its unit."""
    return _COST_LABELS.get(cost_name, cost_name)


def read_history(
    history: Any, maximize: bool | None, score_name: str | None
) -> tuple[list[Record], bool, str]:
    """Returns the records of a history, whether a high score is good, and what it is called.

    Args:
        history: A list of records, or an object whose `history()` returns one.
        maximize: What the user says, or `None` to ask the objective of the object.
        score_name: The same for the name.

    Raises:
        ValueError: If it is neither.
    """
    objective = getattr(history, "objective", None)
    if objective is None:
        objective = getattr(getattr(history, "oracle", None), "objective", None)
    if maximize is None:
        maximize = getattr(objective, "direction", "max") != "min"
    if score_name is None:
        score_name = str(getattr(objective, "name", "score"))
    method = getattr(history, "history", None)
    records = method() if callable(method) else history
    if not isinstance(records, list | tuple) or not all(
        isinstance(record, dict) and "score" in record for record in records
    ):
        raise ValueError(
            "`history` must be a list of dicts with a 'score' and a 'cost' each, or have a method "
            f"`history()` that returns one. Received: an object of {type(history).__name__}."
        )
    return list(records), maximize, score_name


def score_of(record: Record) -> float | None:
    """The score of a record, or None where the trial has none."""
    score = record["score"]
    return None if score is None or not math.isfinite(score) else float(score)


def exceeds(record: Record, budget: "Budget | None") -> bool:
    """Whether a cost of the record is above a limit of the budget."""
    costs = record.get("cost") or {}
    limits = {} if budget is None else budget.limits
    return any(
        costs.get(name) is not None and costs[name] > limit for name, limit in limits.items()
    )
