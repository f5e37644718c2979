"""The threads of the compiled kernels."""

from numbers import Integral

from keras_shiftadd.custom_ops import _library
from keras_shiftadd.custom_ops._binding import VARIABLE, requested_form


def threads() -> int:
    """Says how many threads the compiled kernels use.

    Returns:
        The number of threads, that of the processors until `set_threads` changes it.

    Raises:
        RuntimeError: the compiled kernels cannot be used, or `KERAS_SHIFTADD_OPS` is `python`.

    Example:

    >>> ksa.custom_ops.threads()
    2
    """
    _require_kernels()
    return int(_library.kernels().shiftadd_default_parallel().contents.threads)


def set_threads(number: int) -> int:
    """Sets how many threads the compiled kernels use, on every backend.

    Results do not depend on it.

    Args:
        number: the number of threads; 0 is one for each processor that the process may use.

    Returns:
        The number of threads from now on.

    Raises:
        RuntimeError: the compiled kernels cannot be used, or `KERAS_SHIFTADD_OPS` is `python`.
        ValueError: the number is negative, or no integer.

    Example:

    >>> ksa.custom_ops.set_threads(1)
    1
    """
    if isinstance(number, bool) or not isinstance(number, Integral) or not 0 <= number < 2**31:
        raise ValueError(
            f"The number of threads must be an integer of at least 0. Received: number={number!r}"
        )
    _require_kernels()
    return int(_library.kernels().shiftadd_set_threads(int(number)))


def _require_kernels() -> None:
    if requested_form() == "python":
        raise RuntimeError(
            f"{VARIABLE}=python asks for the portable form, which has no threads of its own. "
            f"Unset {VARIABLE}, or set it to 'auto'."
        )
