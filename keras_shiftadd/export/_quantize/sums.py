"""The integers of sums of two tensors."""

from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._integer.multipliers import (
    exact_sum_multipliers,
    multipliers,
    tflite_multiplier,
)
from keras_shiftadd.export._integer.operators import Requantization
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization
from keras_shiftadd.export._quantize.options import Options, Rounding

# Bits of precision of a sum, as TFLite keeps them.
_LEFT_SHIFT = 20


@dataclass(frozen=True)
class SumIntegers:
    """Of `Add` and `AddConstant`."""

    left_shift: int
    input_multipliers: np.ndarray
    input_shifts: np.ndarray
    multiplier: np.ndarray
    shift: np.ndarray
    rounding: Rounding

    def requantization(
        self, output: Quantization, low: int = INT8_MIN, high: int = INT8_MAX
    ) -> Requantization:
        """From sums to an output with limits."""
        return Requantization(
            self.multiplier, self.shift, output.zero_point, self.rounding, low, high
        )


def sum_integers(scales: tuple[float, float], output: float, options: Options) -> SumIntegers:
    """The integers that bring two operands to one scale, and their sum to the output.

    Args:
        scales: Of the operands.
        output: Scale of the output.
        options: How the model is quantised.
    """
    both = np.array(scales)
    if options.add_rounding == "single":
        input_multipliers, shift = exact_sum_multipliers(both / output)
        ones = np.ones(2, np.int32), np.array([1], np.int32)
        return SumIntegers(1, input_multipliers, *ones, shift, "single")
    unit = max(scales)
    input_multipliers, input_shifts = multipliers(both / (2 * unit), tflite_multiplier)
    factor = 2 * unit / (2.0**_LEFT_SHIFT * output)
    multiplier, shift = multipliers(np.array([factor]), tflite_multiplier)
    return SumIntegers(_LEFT_SHIFT, input_multipliers, input_shifts, multiplier, shift, "double")
