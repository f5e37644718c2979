"""The bound on the working memory of the portable operations."""

import keras

from keras_shiftadd.ops._numbers import is_integer

_MIB = 2**20
_MINIMUM = _MIB
_limit = 64 * _MIB

# Each kernel tap of a chunk holds up to three tensors of the size of a chunk, and allocators keep
# some of what is freed. TensorFlow works on several taps, and on both gradients, at once.
_CHUNKS_IN_FLIGHT = {"tensorflow": 64, "jax": 32, "torch": 32}


def memory_limit() -> int:
    """Returns the working-memory bound of one portable operation.

    Returns:
        Integer, bytes; see `set_memory_limit`.

    Example:

    >>> keras_shiftadd.ops.memory_limit()
    67108864
    """
    return _limit


def set_memory_limit(limit: int) -> None:
    """Sets how much working memory one portable operation may use.

    The L1 distance of an adder layer has no matrix product behind it: written as one broadcast
    it would allocate `pixels * kernel_elements * filters` numbers. The portable operations work
    through that volume in chunks instead. The bound covers everything that an operation holds
    beside its inputs, its outputs and their gradients, with three exceptions: on TensorFlow and
    torch the chunks of a result are copied once when they are joined; a `"channels_first"` tensor
    is transposed; and the input gradient of a strided layer is interleaved. Each is one copy of
    the tensor in question.

    The limit is read when an operation is traced: set it before the first call of a model.

    Args:
        limit: Integer, bytes. At least 1 MiB. The default is 64 MiB.

    Raises:
        ValueError: If `limit` is not an integer of at least 1 MiB.

    Example:

    >>> keras_shiftadd.ops.set_memory_limit(16 * 2**20)
    >>> keras_shiftadd.ops.memory_limit()
    16777216
    """
    global _limit
    if not is_integer(limit) or limit < _MINIMUM:
        raise ValueError(
            "`limit` must be an integer number of bytes, at least 1 MiB (1048576). "
            f"Received: limit={limit!r}. Pass for example 64 * 2**20."
        )
    _limit = int(limit)


def chunk_elements(itemsize: int) -> int:
    """Returns how many elements of `itemsize` bytes one chunk may hold."""
    return max(1, _limit // _CHUNKS_IN_FLIGHT[keras.backend.backend()] // itemsize)
