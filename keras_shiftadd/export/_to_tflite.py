"""Exports a Keras model to an int8 .tflite file."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_shiftadd._whole_file import written_whole
from keras_shiftadd.export._arguments import (
    check_labels,
    check_positive,
    check_samples,
    check_target,
)
from keras_shiftadd.export._audit.audit import audit
from keras_shiftadd.export._builtin.compile import compile_nodes
from keras_shiftadd.export._export_report import ExportReport
from keras_shiftadd.export._imports import litert_interpreter, litert_schema
from keras_shiftadd.export._model.calibration import batches, calibrate
from keras_shiftadd.export._model.graph import read_graph
from keras_shiftadd.export._runtime.interpreter import Interpreter

_SECONDS_BETWEEN_LINES = 5.0
_CHUNK = 16


def to_tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    calibration_data: Any,
    labels: Any = None,
    evaluation_data: Any = None,
    max_scratch_bytes: int = 64 * 1024,
    verbose: int = 1,
) -> ExportReport:
    """Exports a Keras model to a full-int8 .tflite file of builtin operators.

    The file runs on stock LiteRT and on stock tflite-micro, one sample at a time, without custom
    operators. It is written from the model itself, on any backend: TensorFlow is not needed.

    - Shift layers become CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED. Their int8 kernels hold
      exact powers of two (down to 1/64 of a channel's largest weight; smaller ones become 0); the
      runtimes' kernels multiply by them.
    - Adder layers become SUB, ABS and SUM over slices of the input: nothing is multiplied by a
      weight. The differences of all positions, taps and filters would be large, so they are made
      in parts; `max_scratch_bytes` bounds what an adder layer holds at a time.
    - A BatchNormalization and a ReLU are merged into the layer before them. Behind an adder layer
      a BatchNormalization becomes SUB and MUL by a constant for each channel.

    The file appears when it is complete and has been compared with the model; a failed or
    interrupted export leaves nothing behind, and an older file of that name as it was.

    Args:
        model: A built Functional or Sequential model with one input and one output, in
            `"channels_last"`, of the layers that docs/export.md lists.
        path: The file to write. Its folder must exist.
        calibration_data: Array of shape `(samples, ...)`, typical inputs as the model takes them;
            some hundred. The ranges of the int8 numbers are measured on them.
        labels: Class numbers `(samples,)` or one-hot rows `(samples, classes)` for
            `evaluation_data`, or for `calibration_data` where there is none. With them, the
            report has the accuracies of the model and the file.
        evaluation_data: Array of shape `(samples, ...)` on which the file is compared with the
            model. By default `calibration_data`.
        max_scratch_bytes: Bound on the patches and differences that an adder layer holds at a
            time. A smaller one needs less memory and more operators, a larger one the opposite.
        verbose: 0 is silent; 1 prints a line for each stage, and more for long ones.

    Returns:
        An `ExportReport`; print it for a short text.

    Raises:
        UnsupportedLayerError: If a layer, or its settings, cannot be exported (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built or has several inputs or outputs, a weight is not
            finite, data or labels do not fit the model, or `max_scratch_bytes` is too small.
        OSError: If the file cannot be written.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> report = keras_shiftadd.export.to_tflite(
    ...     model, "model.tflite", calibration_data=x_train[:256],
    ...     evaluation_data=x_test, labels=y_test)
    >>> print(report)
    """
    litert_schema()
    litert_interpreter()
    target = check_target(path)
    max_scratch_bytes = check_positive(max_scratch_bytes, "max_scratch_bytes")
    nodes = read_graph(model)
    shape = nodes[0].shape
    calibration = check_samples(calibration_data, shape, "calibration_data")
    evaluation = calibration
    if evaluation_data is not None:
        evaluation = check_samples(evaluation_data, shape, "evaluation_data")
    classes = None
    if labels is not None:
        classes = check_labels(labels, len(evaluation), nodes[-1].shape)

    progress = _Progress(verbose)
    progress.stage(f"measuring the ranges of {len(nodes)} tensors on {len(calibration)} samples")
    ranges, calibrated = calibrate(nodes, calibration, progress.counter(len(calibration)))
    expected = calibrated
    if evaluation_data is not None:
        progress.stage(f"predicting {len(evaluation)} samples with the model")
        expected = _only_output(
            model.predict(_as_input(model, evaluation), batch_size=32, verbose=0)
        )
    else:
        _check_rebuilt(model, calibration, calibrated)
    progress.stage("writing the operators")
    content = compile_nodes(nodes, ranges, max_scratch_bytes)
    with written_whole(target) as file:
        file.write_bytes(content)
        progress.stage(f"predicting {len(evaluation)} samples with the file, in LiteRT")
        report = _compare(file, evaluation, expected, classes, progress)
    return replace(report, path=target, audit=replace(report.audit, path=target))


def _as_input(model: keras.Model, data: np.ndarray) -> Any:
    """The data in the structure in which the model takes its one input."""
    if isinstance(model, keras.Sequential):
        return data
    return keras.tree.pack_sequence_as(model.input, [data])


def _only_output(outputs: Any) -> np.ndarray:
    """The output of a model, which may come in a list or a dictionary."""
    [output] = keras.tree.flatten(outputs)
    return np.asarray(keras.ops.convert_to_numpy(output), np.float32)


def _check_rebuilt(model: keras.Model, data: np.ndarray, calibrated: np.ndarray) -> None:
    """Raises if the layers, run one by one, do not compute what the model does."""
    few, _ = next(batches(data))
    expected = _only_output(model(_as_input(model, few), training=False))
    error = np.max(np.abs(expected - calibrated[: len(few)]))
    # Half-precision layers round differently when they are not fused.
    if error > 0.02 * max(float(np.max(np.abs(expected))), 1e-6):
        raise ValueError(
            "The layers of `model`, run one by one, must compute what the model does. "
            f"Received: outputs that differ by {error:.3g}. Does a layer change while it is used?"
        )


def _compare(
    file: os.PathLike[str],
    data: np.ndarray,
    expected: np.ndarray,
    classes: np.ndarray | None,
    progress: "_Progress",
) -> ExportReport:
    interpreter = Interpreter(file)
    count = progress.counter(len(data))
    parts = []
    for start in range(0, len(data), _CHUNK):
        parts.append(interpreter.predict(data[start : start + _CHUNK]))
        count(min(start + _CHUNK, len(data)))
    received = np.concatenate(parts)
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
    return ExportReport(
        path=found.path,
        size_bytes=found.size_bytes,
        operators=found.counts,
        audit=found,
        runtime=interpreter.runtime,
        samples=len(data),
        agreement=agreement,
        mean_absolute_error=float(error.mean()),
        max_absolute_error=float(error.max()),
        output_step=interpreter.output_details.scale,
        float_accuracy=accuracies[0] if accuracies else None,
        int8_accuracy=accuracies[1] if accuracies else None,
    )


class _Progress:
    """Lines that say what is under way, so that a long export is not silent."""

    def __init__(self, verbose: int) -> None:
        self._verbose = verbose

    def stage(self, text: str) -> None:
        if self._verbose:
            print(f"to_tflite: {text}", flush=True)

    def counter(self, total: int) -> Callable[[int], None]:
        last = time.monotonic()

        def count(done: int) -> None:
            nonlocal last
            if self._verbose and time.monotonic() - last > _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                print(f"to_tflite:   {done} of {total} samples", flush=True)

        return count
