"""Inputs of shift layers that are rounded down to fixed point."""

from typing import Any

import numpy as np

from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.builder import Builder


def fixed_point(builder: Builder, index: int, layer: Any) -> int:
    """The input of a shift layer as its `activation_bits` round it, where int8 can tell.

    Args:
        builder: The network under construction.
        index: The tensor that the layer reads.
        layer: The layer.
    """
    bits = getattr(layer, "activation_bits", None)
    if bits is None:
        return index
    integer_bits, fraction_bits = bits
    grid, limit = 2.0**-fraction_bits, 2.0 ** (integer_bits - 1)
    inputs = builder.tensor(index).quantization
    low, high = max(inputs.low, -limit), min(inputs.high, limit - grid)
    if grid <= inputs.scale:
        if (low, high) == (inputs.low, inputs.high):
            return index
        output = Quantization.from_range(low, high)
    else:
        # All of [low, high] in steps of the grid: at most 255, as the int8 steps are finer.
        lowest = int(np.floor(low / grid))
        output = Quantization(grid, int(np.clip(-128 - lowest, -128, 127)))
    # Numbers on the grid, such as 0, must not fall below it by the rounding of their scale.
    slack = inputs.scale * 1e-4

    def rounded(real: np.ndarray) -> np.ndarray:
        return np.clip(np.floor((real + slack) / grid) * grid, -limit, limit - grid)

    return builder.lookup(f"{layer.name}_fixed_point", "fixed_point", index, output, rounded)
