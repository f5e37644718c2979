"""What the plots of a search have in common: the trials that they read."""

import math
from typing import TYPE_CHECKING, Any

from keras_shiftadd.tuners.pareto import Record

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget

_COST_LABELS = {
    "energy_uj": "energy per inference (µJ)",
    "instructions": "instructions per inference",
    "flash": "flash (bytes)",
    "ram": "RAM (bytes)",
}


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
