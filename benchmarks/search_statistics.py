"""What the search benchmarks compute from their figures."""

from collections.abc import Sequence

import numpy as np


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b of two scores of the same things: 1 for the same order, -1 for the reverse.

    Pairs that are equal in either score take no side.
    """
    pairs = np.triu_indices(len(first), 1)
    a, b = (
        np.sign(np.subtract.outer(np.asarray(x), np.asarray(x)))[pairs] for x in (first, second)
    )
    untied = np.sqrt(np.sum(a != 0) * np.sum(b != 0))
    return float(np.sum(a * b) / untied) if untied else 0.0


def mean_and_deviation(values: Sequence[float], scale: float = 1.0, digits: int = 2) -> str:
    """Writes the mean, and the standard deviation where there is more than one value."""
    mean = round(scale * float(np.mean(values)), digits) + 0.0  # no minus before a zero
    text = f"{mean:.{digits}f}"
    if len(values) > 1:
        text += f" ± {scale * np.std(values, ddof=1):.{digits}f}"
    return text
