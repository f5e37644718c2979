"""Compares a file with the model that it was made from."""

from pathlib import Path

import numpy as np

from keras_shiftadd.custom_ops import litert_delegate
from keras_shiftadd.export._audit.audit import audit
from keras_shiftadd.export._export_report import ExportReport
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._progress import Progress
from keras_shiftadd.export._runtime.integer_interpreter import IntegerInterpreter
from keras_shiftadd.export._runtime.interpreter import Interpreter

_CHUNK = 16
_CHECKED = 4


def interpreter_of(file: Path, network: IntegerModel | None) -> Interpreter | IntegerInterpreter:
    """What runs a file: LiteRT, or the reference where custom operators have no compiled kernels.

    Args:
        file: The file.
        network: The int8 network in it, for a file that may have custom operators.
    """
    if network is None:
        return Interpreter(file)
    try:
        litert_delegate()
    except RuntimeError:
        return IntegerInterpreter(network)
    return Interpreter(file, exact=True)


def check_bits(
    runner: Interpreter | IntegerInterpreter, network: IntegerModel, data: np.ndarray
) -> None:
    """Raises unless LiteRT gives the bits of the reference on a few samples.

    Args:
        runner: Of the file.
        network: The int8 network in it.
        data: float32 samples.

    Raises:
        RuntimeError: If a bit differs.
    """
    if isinstance(runner, IntegerInterpreter):
        return
    inputs = network.tensors[network.input].quantization.quantize(data[:_CHECKED])
    expected = IntegerInterpreter(network).predict_quantized(inputs)
    received = runner.predict_quantized(inputs)
    different = int(np.sum(received.ravel() != expected.ravel()))
    if different:
        raise RuntimeError(
            "LiteRT must give the bits of the NumPy reference. "
            f"Received: {different} of {expected.size} outputs that differ. Nothing was written."
        )


def compare(
    file: Path,
    runner: Interpreter | IntegerInterpreter,
    data: np.ndarray,
    expected: np.ndarray,
    classes: np.ndarray | None,
    progress: Progress,
) -> ExportReport:
    """Runs a file on samples and compares what it gives with what the model gave.

    Args:
        file: The file.
        runner: What runs it.
        data: float32 array `(samples, ...)`.
        expected: float32 array `(samples, ...)`, the outputs of the model.
        classes: Class numbers `(samples,)`, or None.
        progress: Where to tell of it.
    """
    count = progress.counter(len(data))
    parts = []
    for start in range(0, len(data), _CHUNK):
        parts.append(runner.predict(data[start : start + _CHUNK]))
        count(min(start + _CHUNK, len(data)))
    received = np.concatenate(parts).reshape(expected.shape)
    error = np.abs(received - expected)
    agreement = accuracies = None
    if expected.ndim == 2 and expected.shape[1] > 1:
        float_class, int8_class = expected.argmax(axis=1), received.argmax(axis=1)
        agreement = float(np.mean(float_class == int8_class))
        if classes is not None:
            accuracies = (
                float(np.mean(float_class == classes)),
                float(np.mean(int8_class == classes)),
            )
    found = audit(file)
    custom = any(name.startswith("CUSTOM:") for name in found.counts)
    return ExportReport(
        path=found.path,
        size_bytes=found.size_bytes,
        operators=found.counts,
        audit=found,
        runtime=runner.runtime if isinstance(runner, Interpreter) else "reference",
        samples=len(data),
        agreement=agreement,
        mean_absolute_error=float(error.mean()),
        max_absolute_error=float(error.max()),
        output_step=_output_step(runner),
        float_accuracy=accuracies[0] if accuracies else None,
        int8_accuracy=accuracies[1] if accuracies else None,
        kernels="custom" if custom else "builtin",
    )


def _output_step(runner: Interpreter | IntegerInterpreter) -> float:
    if isinstance(runner, Interpreter):
        return runner.output_details.scale
    return runner.model.tensors[runner.model.output].quantization.scale
