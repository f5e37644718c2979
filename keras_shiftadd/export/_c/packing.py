"""Layouts of weights of custom_ops/micro/shiftadd_micro.h that every core reads."""

import numpy as np

from keras_shiftadd.export._integer.operators import Convolution

Kernel = np.ndarray  # int8 (rows, columns, channels // groups, filters)


def by_filter(kernel: Kernel) -> np.ndarray:
    """The weights of a filter one after the other: int8 `(filters, window)`.

    Args:
        kernel: int8 array `(rows, columns, channels // groups, filters)`.

    Returns:
        int8 array; the window runs over rows, columns and channels, the last fastest.
    """
    return np.ascontiguousarray(kernel.reshape(-1, kernel.shape[-1]).T)


def raw(kernel: Kernel) -> np.ndarray:
    """The layout "raw": `by_filter`, flat."""
    return by_filter(kernel).ravel()


def exponents(weights: np.ndarray) -> np.ndarray:
    """The exponents of powers of two, and -1 for 0.

    Args:
        weights: int8 array of 0 and plus or minus powers of two from 1 to 64.

    Returns:
        int8 array of the same shape.

    Raises:
        ValueError: Another number is among them.
    """
    magnitude = np.abs(weights.astype(np.int16))
    result = np.full(weights.shape, -1, np.int8)
    for exponent in range(7):
        result[magnitude == 1 << exponent] = exponent
    if np.any((result < 0) & (magnitude != 0)):
        bad = weights[(result < 0) & (magnitude != 0)].flat[0]
        raise ValueError(
            "The kernel of a shift layer must be 0 or plus or minus a power of two from 1 to 64. "
            f"Received: {bad}"
        )
    return result


def codes(kernel: Kernel) -> np.ndarray:
    """The layout "codes": 4 bits a weight, the low half of a byte first.

    0 stands for 0, `1 + e` for `2 ** e` and `9 + e` for `-(2 ** e)`. Each filter starts on a byte.

    Args:
        kernel: int8 array `(rows, columns, channels // groups, filters)` of a shift layer.

    Returns:
        uint8 array.

    Raises:
        ValueError: A weight is no power of two.
    """
    weights = by_filter(kernel)
    code = exponents(weights).astype(np.int16) + 1
    code[weights < 0] += 8
    if code.shape[1] % 2:
        code = np.pad(code, ((0, 0), (0, 1)))
    return (code[:, 0::2] | code[:, 1::2] << 4).astype(np.uint8).ravel()


def from_codes(packed: np.ndarray, shape: tuple[int, int, int, int]) -> Kernel:
    """The kernel that `codes` packed.

    Args:
        packed: uint8 array.
        shape: `(rows, columns, channels // groups, filters)`.

    Returns:
        int8 array of that shape.
    """
    window, filters = int(np.prod(shape[:-1])), shape[-1]
    halves = packed.reshape(filters, -1)
    code = np.stack([halves & 15, halves >> 4], axis=-1).reshape(filters, -1)[:, :window]
    magnitude = np.where(code == 0, 0, 1 << (((code.astype(np.int16) - 1) & 7) & 31))
    weights = np.where(code > 8, -magnitude, magnitude).astype(np.int8)
    return np.ascontiguousarray(weights.T).reshape(shape)


def blocks(kernel: Kernel, groups: int, flip: int = 0) -> np.ndarray:
    """The layout of custom_ops/micro/blocked.h: blocks of four filters.

    Args:
        kernel: int8 array `(rows, columns, channels // groups, filters)`.
        groups: Each has blocks of its own.
        flip: Bits that are flipped; 128 makes `w + 128` of `w`.

    Returns:
        uint8 array; in a block, the four filters of an element one after the other. Blocks and
        windows are filled up with bytes of 0, windows to a multiple of four elements.
    """
    filters, window = kernel.shape[-1] // groups, int(np.prod(kernel.shape[:-1]))
    weights = by_filter(kernel).view(np.uint8).reshape(groups, filters, window) ^ np.uint8(flip)
    padded = np.pad(weights, ((0, 0), (0, -filters % 4), (0, -window % 4)))
    arranged = padded.reshape(-1, 4, padded.shape[-1]).transpose(0, 2, 1)
    return np.ascontiguousarray(arranged).ravel()


def blocks_scratch_bytes(convolution: Convolution, element_bytes: int) -> int:
    """Bytes of a patch of four pixels, with so many bytes an element."""
    window = int(np.prod(convolution.kernel.shape[:-1]))
    return -(-window // 4) * 4 * 4 * element_bytes


def bias_without_zero(convolution: Convolution, input_zero: int) -> np.ndarray:
    """The bias for a kernel that multiplies `x` in the place of `x - input_zero`, int32."""
    if convolution.operator == "adder":
        return convolution.bias
    sums = convolution.kernel.astype(np.int64).sum(axis=(0, 1, 2))
    return (convolution.bias - input_zero * sums).astype(np.int32)


def multipliers(convolution: Convolution) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers and shifts of all filters.

    The kernels know a power of two by the multiplier 2**30; with single rounding any other stands
    for the same with another shift.

    Returns:
        int32 and uint8 arrays `(filters,)`.
    """
    requantization = convolution.requantization
    filters = convolution.bias.shape
    multiplier = np.broadcast_to(requantization.multiplier, filters).astype(np.int64)
    shift = np.broadcast_to(requantization.shift, filters).astype(np.int64)
    if requantization.rounding == "single":
        fraction, exponent = np.frexp(np.abs(multiplier))
        bits = shift - (exponent - 1)  # that a sum is shifted
        powers = (fraction == 0.5) & (bits >= 1) & (bits <= 32)
        multiplier = np.where(powers, np.sign(multiplier) << 30, multiplier)
        shift = np.where(powers, bits + 30, shift)
    return multiplier.astype(np.int32), shift.astype(np.uint8)
