"""Export of models: int8 .tflite files, their audit, and interpreters to run them.

Nothing here needs TensorFlow; `ai-edge-litert` is imported when it is first used.
"""

from keras_shiftadd.export._audit.audit import audit
from keras_shiftadd.export._audit.audit_report import AuditedOperator, AuditReport
from keras_shiftadd.export._c.firmware_report import (
    ArenaBuffer,
    FirmwareLayer,
    FirmwareReport,
)
from keras_shiftadd.export._errors import (
    BudgetExceeded,
    MultiplicationFound,
    UnsupportedLayerError,
)
from keras_shiftadd.export._export_report import ExportReport
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._quantize.builder import ClampedWeights
from keras_shiftadd.export._quantize.plot_ranges import plot_ranges
from keras_shiftadd.export._quantize.quantization_aware import quantization_aware
from keras_shiftadd.export._quantize.quantization_report import (
    QuantizationReport,
    QuantizedAccuracy,
    quantization_report,
)
from keras_shiftadd.export._quantize.quantize import quantize
from keras_shiftadd.export._runtime.integer_interpreter import IntegerInterpreter
from keras_shiftadd.export._runtime.interpreter import RUNTIMES, Interpreter, TensorDetails
from keras_shiftadd.export._simulate.simulate import simulate
from keras_shiftadd.export._simulate.simulation import Simulation
from keras_shiftadd.export._tflite_files import read_tflite, write_tflite
from keras_shiftadd.export._to_c import to_c
from keras_shiftadd.export._to_tflite import to_tflite

__all__ = [
    "RUNTIMES",
    "ArenaBuffer",
    "AuditReport",
    "AuditedOperator",
    "BudgetExceeded",
    "ClampedWeights",
    "ExportReport",
    "FirmwareLayer",
    "FirmwareReport",
    "IntegerInterpreter",
    "IntegerModel",
    "Interpreter",
    "MultiplicationFound",
    "QuantizationReport",
    "QuantizedAccuracy",
    "Simulation",
    "TensorDetails",
    "UnsupportedLayerError",
    "audit",
    "plot_ranges",
    "quantization_aware",
    "quantization_report",
    "quantize",
    "read_tflite",
    "simulate",
    "to_c",
    "to_tflite",
    "write_tflite",
]
