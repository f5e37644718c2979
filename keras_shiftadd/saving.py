"""Loading of saved models that contain layers of this package."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_shiftadd import layers as _layers  # noqa: F401  (registers the layers with Keras)


def load_model(path: str | os.PathLike[str], **kwargs: Any) -> keras.Model:
    """Loads a `.keras` file, with the layers of this package known to Keras.

    `keras.saving.load_model` does the same after `import keras_shiftadd`; this function adds a
    plain message for a file that is missing, is not a `.keras` file or is damaged.

    Args:
        path: a `.keras` file.
        **kwargs: passed to `keras.saving.load_model`, for instance `compile=False` or
            `custom_objects={...}`.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a `.keras` file, or is damaged.

    Example:

    ```python
    model.save("gestures.keras")
    model = ksa.load_model("gestures.keras")
    ```
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"There is no model file at `path`. Received: path={str(file)!r}")
    if file.suffix != ".keras" or not file.is_file():
        raise ValueError(
            "`path` must name a file that ends in .keras, as model.save('model.keras') writes. "
            f"Received: path={str(file)!r}"
        )
    if not _is_keras_archive(file):
        raise ValueError(
            "The file at `path` is not a Keras model or is damaged (a .keras file is a zip archive "
            f"of a config and weights). Save the model again. Received: path={str(file)!r}"
        )
    try:
        return keras.saving.load_model(file, **kwargs)
    except (KeyError, EOFError, OSError, json.JSONDecodeError, zipfile.BadZipFile) as error:
        raise ValueError(
            "The file at `path` is not a Keras model or is damaged "
            f"({type(error).__name__}: {error}). Save the model again. "
            f"Received: path={str(file)!r}"
        ) from error


def _is_keras_archive(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    return "config.json" in names and any(name.startswith("model.weights") for name in names)
