"""Chooses the range of an int8 tensor."""

import numpy as np

from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.options import Calibration

_PERCENTILES = (0.01, 99.99)
# Shares of the full range that are tried, on either side of zero.
_SHARES = np.linspace(1.0, 0.2, 33)


def choose_quantization(
    values: np.ndarray,
    low: float,
    high: float,
    calibration: Calibration,
    weights: np.ndarray | None = None,
) -> Quantization:
    """The quantisation of a tensor.

    Args:
        values: Some of its values.
        low: The smallest of all of its values.
        high: The largest of all of its values.
        calibration: `"minmax"` takes them all in, `"percentile"` all but one in ten thousand on
            either side, `"mse"` has the least squared error on the values kept.
        weights: Weights of adder layers that read the tensor, if any do. They are rounded in the
            same steps; those beyond the range cost nothing.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if calibration == "minmax" or values.size == 0:
        return Quantization.from_range(low, high)
    if calibration == "percentile":
        inner = np.percentile(values, _PERCENTILES)
        return Quantization.from_range(max(low, inner[0]), min(high, inner[1]))
    shares = [1.0, 1.0]
    for side in (1, 0, 1):
        tried = []
        for share in _SHARES:
            shares[side] = float(share)
            found = Quantization.from_range(low * shares[0], high * shares[1])
            tried.append(_squared_error(values, found, weights))
        shares[side] = float(_SHARES[int(np.argmin(tried))])
    return Quantization.from_range(low * shares[0], high * shares[1])


def union(first: Quantization, low: float, high: float) -> Quantization:
    """The quantisation that also holds other numbers."""
    return Quantization.from_range(min(first.low, low), max(first.high, high))


def _squared_error(
    values: np.ndarray, quantization: Quantization, weights: np.ndarray | None
) -> float:
    rounded = quantization.scale * np.rint(values / quantization.scale)
    held = np.clip(rounded, quantization.low, quantization.high)
    error = float(np.mean((held - values) ** 2))
    if weights is not None and weights.size:
        inside = np.mean((weights > quantization.low) & (weights < quantization.high))
        error += float(inside) * quantization.scale**2 / 12
    return error
