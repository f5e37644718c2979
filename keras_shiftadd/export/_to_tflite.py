"""Exports a Keras model to an int8 .tflite file."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import keras
import numpy as np

from keras_shiftadd._whole_file import written_whole
from keras_shiftadd.export._arguments import (
    check_labels,
    check_samples,
    check_target,
)
from keras_shiftadd.export._builtin.compile import compile_nodes
from keras_shiftadd.export._comparison import check_bits, compare, interpreter_of
from keras_shiftadd.export._export_report import ExportReport
from keras_shiftadd.export._imports import litert_interpreter, litert_schema
from keras_shiftadd.export._model.calibration import batches, calibrate
from keras_shiftadd.export._model.graph import Node, read_graph
from keras_shiftadd.export._progress import Progress
from keras_shiftadd.export._quantize.quantize import quantize
from keras_shiftadd.export._tflite.write_model import write_model
from keras_shiftadd.ops._numbers import positive

Kernels = Literal["builtin", "custom"]


def to_tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    calibration_data: Any,
    labels: Any = None,
    evaluation_data: Any = None,
    max_scratch_bytes: int = 64 * 1024,
    verbose: int = 1,
    kernels: Kernels = "builtin",
) -> ExportReport:
    """Exports a Keras model to a full-int8 .tflite file.

    The file takes one sample at a time. It is written from the model itself, on any backend:
    TensorFlow is not needed.

    With `kernels="custom"` the model is quantised as `quantize` does it, and shift and adder
    layers are operators of this package (docs/tflite_custom_ops.md), which shift and subtract.
    LiteRT and tflite-micro run them with `Interpreter`, or with the kernels of this package built
    in; all give the bits of docs/integer_ops.md.

    With `kernels="builtin"` the file runs on stock LiteRT and on stock tflite-micro:

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
            Files with custom operators need no such bound.
        verbose: 0 is silent; 1 prints a line for each stage, and more for long ones.
        kernels: `"builtin"` or `"custom"`.

    Returns:
        An `ExportReport`; print it for a short text.

    Raises:
        UnsupportedLayerError: If a layer, or its settings, cannot be exported (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built or has several inputs or outputs, a weight is not
            finite, data or labels do not fit the model, `kernels` is unknown, or
            `max_scratch_bytes` is too small.
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
    if kernels not in get_args(Kernels):
        raise ValueError(
            f"`kernels` must be one of {', '.join(get_args(Kernels))}. "
            f"Received: kernels={kernels!r}."
        )
    target = check_target(path)
    max_scratch_bytes = positive(max_scratch_bytes, "max_scratch_bytes")
    nodes = read_graph(model)
    shape = nodes[0].shape
    calibration = check_samples(calibration_data, shape, "calibration_data")
    evaluation = calibration
    if evaluation_data is not None:
        evaluation = check_samples(evaluation_data, shape, "evaluation_data")
    classes = None
    if labels is not None:
        classes = check_labels(labels, len(evaluation), nodes[-1].shape)

    progress = Progress(verbose)
    network, expected = None, None
    if kernels == "custom":
        progress.stage(f"quantising {len(nodes)} tensors on {len(calibration)} samples")
        network = quantize(model, calibration)
        content = write_model(network, nodes[0].shape, nodes[-1].shape)
    else:
        content, expected = _builtin(
            model, nodes, calibration, evaluation_data is None, max_scratch_bytes, progress
        )
    if expected is None:
        expected = _predict(model, evaluation, progress)
    with written_whole(target) as file:
        file.write_bytes(content)
        runner = interpreter_of(file, network)
        if network is not None:
            check_bits(runner, network, evaluation)
        progress.stage(f"predicting {len(evaluation)} samples with the file")
        report = compare(file, runner, evaluation, expected, classes, progress)
    return replace(report, path=target, audit=replace(report.audit, path=target))


def _builtin(
    model: keras.Model,
    nodes: Sequence[Node],
    calibration: np.ndarray,
    compared: bool,
    max_scratch_bytes: int,
    progress: Progress,
) -> tuple[bytes, np.ndarray | None]:
    """The file, and the outputs of the model where the calibration data is what is compared."""
    progress.stage(f"measuring the ranges of {len(nodes)} tensors on {len(calibration)} samples")
    ranges, calibrated = calibrate(nodes, calibration, progress.counter(len(calibration)))
    if compared:
        _check_rebuilt(model, calibration, calibrated)
    progress.stage("writing the operators")
    content = compile_nodes(nodes, ranges, max_scratch_bytes)
    return content, calibrated if compared else None


def _predict(model: keras.Model, data: np.ndarray, progress: Progress) -> np.ndarray:
    progress.stage(f"predicting {len(data)} samples with the model")
    return _only_output(model.predict(_as_input(model, data), batch_size=32, verbose=0))


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
