"""Int8 networks to and from .tflite files."""

import os

from keras_shiftadd._whole_file import written_whole
from keras_shiftadd.export._arguments import check_target
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._tflite.model_file import read_model_file
from keras_shiftadd.export._tflite.read_model import read_model
from keras_shiftadd.export._tflite.write_model import write_model


def write_tflite(model: IntegerModel, path: str | os.PathLike[str]) -> int:
    """Writes an int8 network as a .tflite file that computes the same bits.

    Adder and shift layers are custom operators (docs/tflite_custom_ops.md); other operators are
    builtin ones. `to_tflite` quantises and writes at once.

    Args:
        model: The network, from `quantize`.
        path: The file to write. Its folder must exist.

    Returns:
        The size of the file in bytes.

    Raises:
        ValueError: If the network breaks a rule of docs/integer_ops.md, or has an operator with
            integers that the format cannot express.
        TypeError: If `model` is no `IntegerModel`, or `path` no path.
        OSError: If the file cannot be written.

    Example:

    >>> keras_shiftadd.export.write_tflite(integer_model, "model.tflite")
    5744
    """
    if not isinstance(model, IntegerModel):
        raise TypeError(
            f"`model` must be an IntegerModel. Received: {type(model).__name__}. "
            "For a Keras model use to_tflite()."
        )
    target = check_target(path)
    content = write_model(model)
    with written_whole(target) as file:
        file.write_bytes(content)
    return len(content)


def read_tflite(path: str | os.PathLike[str]) -> IntegerModel:
    """Reads a .tflite file as an int8 network.

    Files of `write_tflite` and of `to_tflite(kernels="custom")` give the network that was written;
    other full-int8 files are read as far as their operators are those of docs/integer_ops.md.

    Args:
        path: The file.

    Returns:
        An `IntegerModel`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no .tflite file, is damaged, or has an operator that is not known.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> integer_model = keras_shiftadd.export.read_tflite("model.tflite")
    >>> keras_shiftadd.export.IntegerInterpreter(integer_model).predict(x_test[:5]).shape
    (5, 10)
    """
    return read_model(read_model_file(path), str(path))
