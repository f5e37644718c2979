"""Inputs of some samples out of training data of every kind that Keras takes."""

from typing import Any

import keras
import numpy as np
from keras import ops


def is_array(x: Any) -> bool:
    """Whether `x` is an array or tensor, not a data set."""
    return isinstance(x, np.ndarray) or ops.is_tensor(x)


def is_arrays(x: Any) -> bool:
    """Whether `x` is an array or tensor, or a list, tuple or dictionary of them."""
    leaves = keras.tree.flatten(x) if isinstance(x, list | tuple | dict) else [x]
    return bool(leaves) and all(map(is_array, leaves))


def some_inputs(x: Any, count: int, seed: int) -> Any:
    """Inputs of about `count` samples: a random choice from arrays, the first ones of data sets.

    Args:
        x: array or structure of arrays; or a data set of batches, of which the first element is
            taken where they are tuples.
        count: how many samples.
        seed: of the random choice.

    Returns:
        NumPy arrays in the structure of the inputs.

    Raises:
        ValueError: if there is no sample.
    """
    if is_arrays(x):
        arrays = keras.tree.map_structure(_to_numpy, x)
        size = len(keras.tree.flatten(arrays)[0])
        rows = np.sort(np.random.default_rng(seed).permutation(size)[:count])
        found, number = keras.tree.map_structure(lambda array: array[rows], arrays), len(rows)
    else:
        batches: list[Any] = []
        number = 0
        source = (x[i] for i in range(len(x))) if isinstance(x, keras.utils.PyDataset) else x
        for batch in source:
            inputs = batch[0] if isinstance(batch, list | tuple) else batch
            batches.append(keras.tree.map_structure(_to_numpy, inputs))
            number += len(keras.tree.flatten(batches[-1])[0])
            if number >= count:
                break
        if number:
            found = keras.tree.map_structure(lambda *of: np.concatenate(of)[:count], *batches)
    if not number:
        raise ValueError("`x` must hold training samples. Received: none.")
    return found


def _to_numpy(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor))
