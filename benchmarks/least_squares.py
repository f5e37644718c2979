"""Fits that have no negative factors."""

import numpy as np


def nonnegative_fit(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Factors from 0 of the columns, with the least relative error of their sum.

    Columns whose factor would be negative are left out, the lowest first; so are columns of zeros.

    Args:
        matrix: Array `(rows, columns)`.
        values: Array `(rows,)`, positive.

    Returns:
        Array `(columns,)`.
    """
    used = [column for column in range(matrix.shape[1]) if matrix[:, column].any()]
    while True:
        relative = matrix[:, used] / values[:, None]
        factors = np.linalg.lstsq(relative, np.ones(len(values)), rcond=None)[0]
        if factors.min() >= 0:
            break
        used.remove(used[int(factors.argmin())])
    result = np.zeros(matrix.shape[1])
    result[used] = factors
    return result
