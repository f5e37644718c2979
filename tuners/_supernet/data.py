"""Training data of every kind that Keras takes."""

from typing import Any

import keras
import numpy as np
from keras import ops


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of arrays in an order that depends on the seed and the number of the epoch only.

    A search that goes on after a kill sees the same batches as one that was not killed.
    """

    def __init__(
        self, x: Any, y: Any, batch_size: int, seed: int, epoch: int, sample_weight: Any = None
    ) -> None:
        super().__init__()
        arrays = (x, y) if sample_weight is None else (x, y, sample_weight)
        self._arrays = tuple(np.asarray(ops.convert_to_numpy(array)) for array in arrays)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = epoch
        self._shuffle()

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self._order) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """A batch."""
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return tuple(array[rows] for array in self._arrays)

    def on_epoch_end(self) -> None:
        """Shuffles for the next epoch."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        self._order = rng.permutation(len(self._arrays[0]))


def is_array(x: Any) -> bool:
    """Whether `x` is an array or tensor, not a data set."""
    return isinstance(x, np.ndarray) or keras.ops.is_tensor(x)


def count_steps(x: Any, batch_size: int) -> int | None:
    """Number of batches of an epoch, or None where the data set does not know."""
    if is_array(x):
        return -(-len(x) // batch_size)
    try:
        return len(x)
    except TypeError:
        return None


def some_inputs(x: Any, count: int, seed: int) -> np.ndarray:
    """Inputs of about `count` samples: a random choice from arrays, the first ones of data sets.

    Raises:
        ValueError: if there is no sample.
    """
    if is_array(x):
        array = np.asarray(ops.convert_to_numpy(x))
        rows = np.random.default_rng(seed).permutation(len(array))[:count]
        found = array[np.sort(rows)]
    else:
        batches: list[np.ndarray] = []
        source = (x[i] for i in range(len(x))) if isinstance(x, keras.utils.PyDataset) else x
        for batch in source:
            inputs = batch[0] if isinstance(batch, list | tuple) else batch
            batches.append(np.asarray(ops.convert_to_numpy(inputs)))
            if sum(map(len, batches)) >= count:
                break
        found = np.concatenate(batches)[:count] if batches else np.zeros((0,))
    if not len(found):
        raise ValueError("`x` must hold training samples. Received: none.")
    return found
