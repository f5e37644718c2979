"""Where the library of the TensorFlow ops is, for programs that load it themselves."""

from keras_shiftadd.custom_ops import _library


def tensorflow_library() -> str:
    """Finds the library of the TensorFlow ops.

    For `tf.load_op_library`, and for `TF_LoadLibrary` in programs in C or C++. Neither TensorFlow
    nor the library is loaded here. It needs that of the kernels, which lies in the same folder.

    Returns:
        Its path.

    Raises:
        RuntimeError: it was not built, or does not fit this version of the package.

    Example:

    >>> ops = tf.load_op_library(ksa.custom_ops.tensorflow_library())
    """
    try:
        return str(_library.checked_file("tensorflow"))
    except _library.CompiledOpsUnavailable as unavailable:
        raise RuntimeError(
            f"The library of the TensorFlow ops cannot be used: {unavailable}. This command "
            f"builds it: {_library.REBUILD_COMMAND}."
        ) from unavailable
