"""The trials of a search that no other trial beats."""

import math
from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]


def pareto_front(records: Iterable[Record], cost_name: str, maximize: bool = True) -> list[Record]:
    """Returns the records that no other one beats in score and cost at once.

    A record is beaten (dominated) by one that is at least as good in both and better in one.
    Records that are equal in both do not beat each other: each is returned.

    Args:
        records: Dicts with a `"score"` and a `"cost"`; the cost is a dict of numbers by name. A
            record whose score or cost is `None`, not-a-number or infinite (a failed trial, a
            target that has no such cost) takes no part.
        cost_name: Name of the cost; less of it is better.
        maximize: Boolean, whether a higher score is the better one.

    Returns:
        The records themselves, by rising cost; equal ones in the order in which they came.

    Raises:
        ValueError: If no record has a cost of this name.

    Example:

    >>> records = [
    ...     {"trial_id": "0", "score": 0.7, "cost": {"flash": 900}},
    ...     {"trial_id": "1", "score": 0.6, "cost": {"flash": 950}},
    ...     {"trial_id": "2", "score": 0.8, "cost": {"flash": 990}},
    ... ]
    >>> [record["trial_id"] for record in keras_shiftadd.tuners.pareto_front(records, "flash")]
    ['0', '2']
    """
    front: list[Record] = []
    best, best_cost = -math.inf, math.inf
    for cost, loss, record in sorted(
        points(records, cost_name, maximize), key=lambda point: point[:2]
    ):
        if -loss > best:
            best, best_cost = -loss, cost
        elif -loss < best or cost > best_cost:
            continue
        front.append(record)
    return front


def points(
    records: Iterable[Record], cost_name: str, maximize: bool = True
) -> list[tuple[float, float, Record]]:
    """Returns `(cost, loss, record)` for each record that has both; less of either is better.

    Args:
        records: See `pareto_front`.
        cost_name: See `pareto_front`.
        maximize: See `pareto_front`. The loss is the score, or minus the score if it is maximised.

    Returns:
        A list of tuples, in the order of the records.

    Raises:
        ValueError: If no record has a cost of this name.
    """
    records = list(records)
    known = sorted({name for record in records for name in record.get("cost") or {}})
    if records and cost_name not in known:
        raise ValueError(
            "`cost_name` must be the name of a cost of the records. "
            f"Received: cost_name={cost_name!r} with records that have {known}."
        )
    found = []
    for record in records:
        score, cost = (
            _finite(record.get("score")),
            _finite((record.get("cost") or {}).get(cost_name)),
        )
        if score is not None and cost is not None:
            found.append((cost, -score if maximize else score, record))
    return found


def _finite(value: Any) -> float | None:
    """The value as a float, or None where it is no number to compare."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)
