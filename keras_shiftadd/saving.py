"""Loading of saved models that contain layers of this package."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_shiftadd import layers as _layers  # noqa: F401  (registers the layers with Keras)

_SAVED_MODELS = ("saved_model.pb", "saved_model.cpb", "saved_model.pbtxt")
_COMPILED_OPS = b"ShiftaddAdderConv"


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


def load_saved_model(path: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Loads a SavedModel, with the compiled ops that it uses known to TensorFlow.

    `model.export(path)` and `tf.saved_model.save` write the operations as they were traced. With
    compiled kernels active these are ops of this package, and a process that loads the SavedModel
    must first load their library: this function does. It serves for SavedModels without them,
    too, and works whatever Keras' backend and `KERAS_SHIFTADD_OPS` are.

    Args:
        path: the folder of a SavedModel.
        **kwargs: passed to `tf.saved_model.load`, for instance `tags`.

    Returns:
        What `tf.saved_model.load` returns; `serve(x)` of it runs an exported Keras model.

    Raises:
        FileNotFoundError: there is no SavedModel at `path`.
        ImportError: TensorFlow is not installed.
        RuntimeError: the SavedModel uses compiled ops, and their library cannot be used.

    Example:

    ```python
    model.export("gestures")
    served = ksa.load_saved_model("gestures").serve(x)
    ```
    """
    folder = Path(path)
    graphs = [file for name in _SAVED_MODELS if (file := folder / name).is_file()]
    if not graphs:
        raise FileNotFoundError(
            f"`path` must be the folder of a SavedModel, with a file {_SAVED_MODELS[0]}. "
            f"Received: path={str(folder)!r}"
        )
    try:
        import tensorflow as tf
    except ImportError as error:
        raise ImportError(
            "A SavedModel is loaded by TensorFlow, which is missing: "
            "pip install 'keras-shiftadd[tensorflow]'"
        ) from error
    if any(_COMPILED_OPS in file.read_bytes() for file in graphs):
        _load_compiled_ops(folder)
    return tf.saved_model.load(folder, **kwargs)


def _load_compiled_ops(folder: Path) -> None:
    from keras_shiftadd.custom_ops import tensorflow_binding, tensorflow_library

    try:
        tensorflow_library()
        tensorflow_binding.load()
    except RuntimeError as error:
        raise RuntimeError(
            f"The SavedModel uses compiled ops of keras_shiftadd. {error} Or save the model again "
            f"in a process with KERAS_SHIFTADD_OPS=python. Received: path={str(folder)!r}"
        ) from error


def _is_keras_archive(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    return "config.json" in names and any(name.startswith("model.weights") for name in names)
