"""What calibration data tell of the tensors of a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._model.calibration import Range, calibrate
from keras_shiftadd.export._model.graph import Node

# Values kept of a tensor, and samples whose means are kept.
_KEPT = 1 << 16
_AVERAGED = 64


@dataclass
class Observations:
    """What was measured.

    Args:
        ranges: The range of every node's output, for each channel.
        values: Some values of every node's output, drawn evenly from all samples.
        means: The mean of every node's output for each channel, over the first samples.
        deviations: The standard deviation likewise.
        samples: The first samples.
        predictions: The model's float predictions.
    """

    ranges: dict[Node, Range]
    values: dict[Node, np.ndarray]
    means: dict[Node, np.ndarray]
    deviations: dict[Node, np.ndarray]
    samples: np.ndarray
    predictions: np.ndarray


def observe(
    nodes: Sequence[Node], data: np.ndarray, progress: Callable[[int], None]
) -> Observations:
    """Runs a model's nodes on data and keeps what quantisation needs.

    Args:
        nodes: The model's nodes in order of execution.
        data: float32 array `(samples, ...)`.
        progress: Called with the number of samples done.
    """
    first = data[:_AVERAGED]
    rng = np.random.default_rng(0)
    kept: dict[Node, list[np.ndarray]] = {node: [] for node in nodes}
    sums = {node: np.zeros((2, node.shape[-1])) for node in nodes}
    seen = dict.fromkeys(nodes, 0)

    def keep(node: Node, values: np.ndarray) -> None:
        share = -(-_KEPT * len(values) // len(data))
        flat = values.reshape(-1)
        if flat.size > share:
            flat = flat[rng.integers(0, flat.size, share)]
        kept[node].append(flat.astype(np.float32))
        counted = values[: max(len(first) - seen[node], 0)]
        channels = counted.reshape(-1, values.shape[-1]).astype(np.float64)
        sums[node] += channels.sum(axis=0), (channels**2).sum(axis=0)
        seen[node] += len(counted)

    ranges, predictions = calibrate(nodes, data, progress, keep)
    values = {node: np.concatenate(parts) for node, parts in kept.items()}
    means, deviations = {}, {}
    for node, total in sums.items():
        mean, square = total * node.shape[-1] / (np.prod(node.shape) * len(first))
        means[node], deviations[node] = mean, np.sqrt(np.maximum(square - mean**2, 0.0))
    return Observations(ranges, values, means, deviations, first, predictions)
