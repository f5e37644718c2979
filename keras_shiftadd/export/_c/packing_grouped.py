"""The layout of weights of custom_ops/micro/grouped.h: elements listed by exponent."""

import numpy as np

from keras_shiftadd.export._c.packing import by_filter
from keras_shiftadd.export._integer.operators import Convolution

_LONGEST = 127  # indices of a list
_PART = 256  # elements that an index of a byte reaches
_STAYS, _LAST = 64, 128  # bits of the byte behind a group
_HELD = 128  # numbers of up to 255 that a lane holds of each sign
_LANES = 1 << 15  # what lanes are moved by when they are added to sums


def signed_digits(weights: np.ndarray) -> np.ndarray:
    """Canonical signed digits: the fewest powers of two that add up to an integer.

    Args:
        weights: int8 array.

    Returns:
        int8 array `(8, *weights.shape)` of -1, 0 and 1: the digits of 2**0 to 2**7.

    Example:

    >>> signed_digits(np.array(7, "int8")).tolist()  # 8 - 1
    [-1, 0, 0, 1, 0, 0, 0, 0]
    """
    rest = weights.astype(np.int16)
    digits = np.zeros((8, *weights.shape), np.int8)
    for position in range(8):
        odd = rest & 1
        # 1 if the two lowest bits are 01, -1 if they are 11: the next digit is then 0.
        digit = odd * (2 - (rest & 3))
        digits[position] = digit
        rest = (rest - digit) >> 1
    return digits


def grouped_lists(convolution: Convolution, input_zero: int) -> tuple[np.ndarray, np.ndarray]:
    """The groups of all filters, and the bias that belongs to them.

    Args:
        convolution: A shift or multiplicative convolution.
        input_zero: The zero point of its input.

    Returns:
        uint8 array and int32 array `(filters,)`.
    """
    weights = by_filter(convolution.kernel)
    digits = signed_digits(weights)
    packed = bytearray()
    bias = convolution.bias.astype(np.int64) - (input_zero + 128) * weights.sum(
        axis=1, dtype=np.int64
    )
    for f in range(len(weights)):
        groups = _groups(digits[:, f])
        held = np.zeros(2, int)  # elements that lanes hold, times what they were doubled
        added = groups[0][0]  # exponent of the last group that was added to the sums
        for (exponent, minus, plus), following in zip(groups, [*groups[1:], None], strict=True):
            packed += _list(minus) + _list(plus)
            held += len(minus), len(plus)
            if following is not None:
                doublings = exponent - following[0]
                grown = held << doublings
                if np.all(grown + np.array([len(following[1]), len(following[2])]) <= _HELD):
                    packed.append(doublings + _STAYS)
                    held = grown
                    continue
            packed.append(added - exponent + _LAST * (following is None))
            bias[f] -= _LANES << exponent
            added, held = exponent, np.zeros(2, int)
    return np.frombuffer(bytes(packed), np.uint8), _wrapped(bias)


def refuses(convolution: Convolution) -> str | None:
    """Why the layout does not hold a convolution, or None if it does."""
    window = int(np.prod(convolution.kernel.shape[:3]))
    most = 128 * _PART
    return None if window <= most else f"its window has more than {most} elements"


def scratch_bytes(convolution: Convolution, pixels: int) -> int:
    """Bytes of a patch of so many pixels."""
    return int(np.prod(convolution.kernel.shape[:3])) * 2 * pixels


def _groups(digits: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Exponents, largest first, 0 last, with the elements to subtract and those to add."""
    groups = []
    for exponent in reversed(range(len(digits))):
        minus, plus = np.flatnonzero(digits[exponent] < 0), np.flatnonzero(digits[exponent] > 0)
        for start in range(0, max(len(minus), len(plus)), _LONGEST):
            end = start + _LONGEST
            groups.append((exponent, minus[start:end], plus[start:end]))
    if not groups or groups[-1][0]:
        nothing = np.zeros(0, int)
        groups.append((0, nothing, nothing))
    return groups


def _list(indices: np.ndarray) -> bytes:
    """A list of ascending indices: the parts that there are, beginning and ending in the first."""
    parts = [part for part in np.unique(indices // _PART).tolist() if part]
    path = [0, *parts, 0] if parts else [0]
    packed = b""
    for position, part in enumerate(path):
        inside = indices[indices // _PART == part] - part * _PART
        more = position + 1 < len(path)
        if position and not part:
            inside = inside[:0]
        packed += bytes([len(inside) + 128 * more]) + inside.astype(np.uint8).tobytes()
        if more:
            packed += bytes([(path[position + 1] - part) & 0xFF])
    return packed


def _wrapped(values: np.ndarray) -> np.ndarray:
    """Integers modulo 2**32, as int32."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
