"""Checks the arguments of the export."""

import os
from pathlib import Path
from typing import Any

import numpy as np


def check_samples(data: Any, shape: tuple[int, ...], argument: str) -> np.ndarray:
    """Samples as a float32 array.

    Args:
        data: What was passed.
        shape: Shape of a sample.
        argument: Name of the argument.

    Raises:
        TypeError: If it is not an array of numbers.
        ValueError: If the shape does not fit, or there is nothing finite in it.
    """
    try:
        array = np.asarray(data)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"`{argument}` must be an array of numbers. Received: {type(data).__name__} ({error})."
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"`{argument}` must be an array of real numbers. "
            f"Received: {type(data).__name__} of dtype {array.dtype}. Pass a NumPy array such as "
            "x[:256]."
        )
    if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise ValueError(
            f"`{argument}` must have the shape of the model's input, "
            f"(samples, {', '.join(map(str, shape))}). Received: shape {array.shape}."
        )
    if len(array) == 0:
        raise ValueError(f"`{argument}` must have at least one sample. Received: none.")
    array = np.ascontiguousarray(array, np.float32)
    bad = int(np.sum(~np.isfinite(array)))
    if bad:
        raise ValueError(
            f"`{argument}` must be finite. Received: {bad} of {array.size} numbers NaN or "
            "infinite (in float32)."
        )
    return array


def check_labels(labels: Any, samples: int, output_shape: tuple[int, ...]) -> np.ndarray:
    """Labels as class numbers.

    Raises:
        TypeError: If they are not numbers.
        ValueError: If their number or shape does not fit, or a class is not among the outputs.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"`labels` must be class numbers or one-hot rows. Received: dtype {array.dtype}."
        )
    if len(output_shape) != 1 or output_shape[0] < 2:
        raise ValueError(
            "`labels` need a model with an output for each of at least 2 classes. "
            f"Received: output shape (samples, {', '.join(map(str, output_shape))})."
        )
    classes = output_shape[0]
    if array.shape == (samples, classes):
        return array.argmax(axis=1)
    if array.shape not in ((samples,), (samples, 1)):
        raise ValueError(
            f"`labels` must have one entry for each of the {samples} samples: shape ({samples},), "
            f"or ({samples}, {classes}) for one-hot rows. Received: shape {array.shape}."
        )
    numbers = array.reshape(samples)
    if np.any(numbers != np.floor(numbers)) or numbers.min() < 0 or numbers.max() >= classes:
        raise ValueError(
            f"`labels` must be whole numbers from 0 to {classes - 1}, as the model has {classes} "
            f"outputs. Received: numbers from {numbers.min()} to {numbers.max()}."
        )
    return numbers.astype(np.int64)


def check_target(path: Any) -> Path:
    """The file to write, whose folder must exist and be writable.

    Raises:
        TypeError: If it is not a path.
        IsADirectoryError: If it is a folder.
        FileNotFoundError: If its folder is missing.
        PermissionError: If its folder cannot be written to.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must be a path. Received: {type(path).__name__}.")
    file = Path(path)
    if not str(path) or file.is_dir():
        raise IsADirectoryError(
            f"`path` must name the file to write. Received: path={str(path)!r}, a folder. "
            "Append a name such as model.tflite."
        )
    if not file.parent.is_dir():
        raise FileNotFoundError(
            "The folder of `path` must exist. "
            f"Received: path={str(file)!r}, but there is no folder {str(file.parent)!r}."
        )
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise PermissionError(
            "The folder of `path` must be writable. "
            f"Received: path={str(file)!r}, and {str(file.parent)!r} is read-only."
        )
    return file
