"""Runs the nodes of a model on data and keeps the range of every tensor."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from keras_shiftadd.export._model.graph import Node

_BATCH = 32


@dataclass
class Range:
    """Smallest and largest value of a tensor, for each channel of its last axis."""

    low: np.ndarray
    high: np.ndarray

    def include(self, values: np.ndarray) -> None:
        """Widens the range by a batch of values."""
        flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
        self.low = np.minimum(self.low, flat.min(axis=0))
        self.high = np.maximum(self.high, flat.max(axis=0))


def calibrate(
    nodes: Sequence[Node],
    data: np.ndarray,
    progress: Callable[[int], None],
    observe: Callable[[Node, np.ndarray], None] | None = None,
) -> tuple[dict[Node, Range], np.ndarray]:
    """Measures the range of every node's output.

    Args:
        nodes: The model's nodes in order of execution.
        data: float32 array of shape `(samples, ...)`.
        progress: Called with the number of samples done.
        observe: Called with each node and its new values, batch after batch.

    Returns:
        The ranges, and the model's float predictions for `data`.

    Raises:
        ValueError: If a tensor becomes NaN or infinite.
    """
    ranges = {
        node: Range(np.full(node.shape[-1], np.inf), np.full(node.shape[-1], -np.inf))
        for node in nodes
    }
    predictions = []
    done = 0
    for batch, count in batches(data):
        values: dict[Node, np.ndarray] = {}
        for node in nodes:
            values[node] = batch if node.layer is None else _call(node, values)
            if not np.isfinite(values[node]).all():
                raise ValueError(
                    "The model must have finite values on `calibration_data`. "
                    f"Received: NaN or infinity behind layer '{node.name}'."
                )
            ranges[node].include(values[node])
            if observe is not None:
                observe(node, values[node][:count])
        predictions.append(values[nodes[-1]][:count])
        done += count
        progress(done)
    return ranges, np.concatenate(predictions).astype(np.float32)


def batches(data: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Batches of one size, and how many of their samples are new.

    The last one is filled up with samples repeated: a backend that compiles does so for each size.
    """
    size = min(_BATCH, len(data))
    for start in range(0, len(data), size):
        first = min(start, len(data) - size)
        batch = data[first : first + size]
        # Samples that were seen before come last.
        batch = np.roll(batch, first - start, axis=0)
        yield batch, size - (start - first)


def _call(node: Node, values: dict[Node, np.ndarray]) -> np.ndarray:
    inputs = [values[source] for source in node.inputs]
    assert node.layer is not None
    many = len(inputs) > 1 or isinstance(node.layer, keras.layers.Concatenate)
    outputs = node.layer(inputs if many else inputs[0])
    return np.asarray(keras.ops.convert_to_numpy(outputs), np.float32)
