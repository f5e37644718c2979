"""Activations as limits of int8 outputs."""

import math
from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization


def limits(step: Step, quantization: Quantization) -> tuple[int, int]:
    """The least and the largest output of a step with a ReLU merged into it."""
    if step.activation == "linear":
        return INT8_MIN, INT8_MAX
    largest: float | None = 6.0 if step.activation == "relu6" else None
    layer: Any = step.output.layer
    if isinstance(layer, keras.layers.ReLU) and layer.max_value is not None:
        largest = float(layer.max_value)
    return quantization.zero_point, highest(largest, quantization)


def highest(largest: float | None, quantization: Quantization) -> int:
    """The integer of an upper limit."""
    if largest is None:
        return INT8_MAX
    # As TFLite rounds it.
    steps = np.float32(largest) / np.float32(quantization.scale)
    return min(quantization.zero_point + math.floor(float(steps) + 0.5), INT8_MAX)
