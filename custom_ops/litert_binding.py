"""The custom operators of .tflite files for LiteRT: an external delegate."""

from keras_shiftadd.custom_ops import _library


def delegate_library() -> str:
    """Finds the library of the delegate, for LiteRT's `load_delegate`.

    LiteRT is not imported here. The library needs that of the kernels, which lies in the same
    folder.

    Returns:
        Its path.

    Raises:
        RuntimeError: it was not built, or does not fit this version of the package.

    Example:

    >>> delegate = ai_edge_litert.interpreter.load_delegate(delegate_library())
    """
    return str(_library.binding_file("litert"))
