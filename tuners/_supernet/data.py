"""Training data of every kind that Keras takes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.callbacks._samples import is_array, is_arrays


class ShuffledBatches(keras.utils.PyDataset):
    """Batches of arrays in an order that depends on the seed and the number of the epoch only.

    A search that goes on after a kill sees the same batches as one that was not killed.
    """

    def __init__(
        self, x: Any, y: Any, batch_size: int, seed: int, epoch: int, sample_weight: Any = None
    ) -> None:
        super().__init__()
        arrays = (x, y) if sample_weight is None else (x, y, sample_weight)
        self._arrays = keras.tree.map_structure(_to_numpy, arrays)
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
        return tuple(
            keras.tree.map_structure(lambda array: array[rows], part) for part in self._arrays
        )

    def on_epoch_end(self) -> None:
        """Shuffles for the next epoch."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        self._order = rng.permutation(len(self._arrays[1]))


def fit_data(
    x: Any, y: Any, batch_size: int, seed: int, epoch: int = 0, sample_weight: Any = None
) -> dict[str, Any]:
    """The arguments of `fit` for training data of any kind.

    Args:
        x: array or structure of arrays, or a data set.
        y: array; None with most data sets.
        batch_size: for arrays.
        seed: of the order of arrays.
        epoch: number of the first epoch.
        sample_weight: array, or None.
    """
    if is_arrays(x):
        batches = ShuffledBatches(x, y, batch_size, seed, epoch, sample_weight)
        return {"x": batches, "shuffle": False}
    return {"x": x} if y is None else {"x": x, "y": y}


def some_samples(x: Any, y: Any, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training samples: a random choice from arrays, the first ones of data sets.

    Args:
        x: array, or a data set.
        y: array; None with a data set.
        count: how many; fewer where there are fewer.
        seed: of the random choice and its order.

    Returns:
        Inputs and targets.

    Raises:
        ValueError: if there is no sample, or batches are no tuples of inputs and targets.
    """
    if is_array(x):
        inputs, targets = (np.asarray(ops.convert_to_numpy(array)) for array in (x, y))
        rows = np.random.default_rng(seed).permutation(len(inputs))[:count]
        return inputs[rows], targets[rows]
    batches: list[tuple[np.ndarray, np.ndarray]] = []
    source = (x[i] for i in range(len(x))) if isinstance(x, keras.utils.PyDataset) else x
    for batch in source:
        if not isinstance(batch, list | tuple) or len(batch) < 2:
            raise ValueError(
                "Batches of the training data must be tuples (x, y). Received: "
                f"{type(batch).__name__}"
            )
        inputs, targets = (np.asarray(ops.convert_to_numpy(part)) for part in batch[:2])
        batches.append((inputs, targets))
        if sum(len(inputs) for inputs, _ in batches) >= count:
            break
    if not batches:
        raise ValueError("`x` must hold training samples. Received: none.")
    first, second = (np.concatenate(parts)[:count] for parts in zip(*batches, strict=True))
    return first, second


def count_steps(x: Any, batch_size: int) -> int | None:
    """Number of batches of an epoch, or None where the data set does not know."""
    if is_arrays(x):
        return -(-len(keras.tree.flatten(x)[0]) // batch_size)
    try:
        return len(x)
    except TypeError:
        return None


def _to_numpy(array: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(array))
