"""Where the delegate is that runs custom operators in LiteRT, for programs that load it."""

from keras_shiftadd.custom_ops import _library


def litert_delegate() -> str:
    """Finds the library of the external delegate for LiteRT.

    For `load_delegate` of ai-edge-litert, and for `TfLiteExternalDelegateCreate` in programs in C.
    It runs the custom operators of the .tflite files of `keras_shiftadd.export`; LiteRT is not
    imported here. The delegate needs the library of the kernels, which lies in the same folder.

    Returns:
        Its path.

    Raises:
        RuntimeError: it was not built, or does not fit this version of the package.
        ValueError: `KERAS_SHIFTADD_INSTRUCTION_SET` names a set that is not available.

    Example:

    >>> delegate = ai_edge_litert.interpreter.load_delegate(ksa.custom_ops.litert_delegate())
    """
    return str(_library.binding_file("litert"))
