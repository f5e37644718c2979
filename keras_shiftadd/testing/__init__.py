"""Conformance checks for layers, NumPy references, and gradients on any backend."""

from keras_shiftadd.testing import integer_reference, reference
from keras_shiftadd.testing._conformance import (
    ConformanceError,
    check_build,
    check_data_formats,
    check_gradients,
    check_layer,
    check_mixed_precision,
    check_serialization,
    check_shapes,
    check_training_step,
)
from keras_shiftadd.testing._gradients import function_gradients, layer_gradients

__all__ = [
    "ConformanceError",
    "check_build",
    "check_data_formats",
    "check_gradients",
    "check_layer",
    "check_mixed_precision",
    "check_serialization",
    "check_shapes",
    "check_training_step",
    "function_gradients",
    "integer_reference",
    "layer_gradients",
    "reference",
]
