"""What each step of a quantisation does to the accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._arguments import check_labels, check_samples
from keras_shiftadd.export._model.graph import Node, read_graph
from keras_shiftadd.export._quantize.builder import ClampedWeights
from keras_shiftadd.export._quantize.compile import quantize_nodes
from keras_shiftadd.export._quantize.observations import Observations, observe
from keras_shiftadd.export._quantize.options import Options
from keras_shiftadd.export._runtime.integer_interpreter import IntegerInterpreter

_STEPS = (
    ("min/max", Options("minmax", redistribute=False, correct_bias=False)),
    ("calibrated", Options("mse", redistribute=False, correct_bias=False)),
    ("redistributed", Options("mse", redistribute=True, correct_bias=False)),
    ("bias corrected", Options("mse", redistribute=True, correct_bias=True)),
)
_BATCH = 256


@dataclass(frozen=True)
class QuantizedAccuracy:
    """A step of a quantisation.

    Args:
        step: What was done: the ranges by minimum and maximum, then by least squared error,
            then with adder weights redistributed, then with biases corrected; `"fine-tuned"` is
            all of it on the fine-tuned model.
        accuracy: On the labels, 0 to 1.
        agreement: Share of the samples for which the int8 network names the class that the float
            model does.
        error: Root of the mean squared difference of the outputs from those of the float model,
            divided by their standard deviation.
    """

    step: str
    accuracy: float
    agreement: float
    error: float


@dataclass(frozen=True)
class QuantizationReport:
    """What each step of a quantisation does to the accuracy; print it for a table.

    Args:
        samples: How many samples were compared.
        float_accuracy: Of the model on the labels, 0 to 1.
        steps: What was measured, a step after the other.
        adders: For each adder layer, the weights that lie beyond the range of its inputs.
        fine_tuned_float_accuracy: Of the fine-tuned model in float, or None.
    """

    samples: int
    float_accuracy: float
    steps: tuple[QuantizedAccuracy, ...]
    adders: tuple[ClampedWeights, ...]
    fine_tuned_float_accuracy: float | None = None

    def __str__(self) -> str:
        lines = [
            f"{self.samples} samples     accuracy  same class   error",
            f"{'float':16s} {self.float_accuracy:8.2%}",
        ]
        for step in self.steps:
            lines.append(
                f"{step.step:16s} {step.accuracy:8.2%}    {step.agreement:8.2%}  {step.error:6.2%}"
            )
        if self.adders:
            width = max(len(adder.name) for adder in self.adders)
            lines += ["", f"{'adder layer':{width}s}  weights clamped  inputs saturated"]
            for adder in self.adders:
                lines.append(f"{adder.name:{width}s}  {adder.share:15.1%}  {adder.inputs:16.2%}")
        return "\n".join(lines)


def quantization_report(
    model: keras.Model,
    calibration_data: Any,
    evaluation_data: Any,
    labels: Any,
    fine_tuned: keras.Model | None = None,
) -> QuantizationReport:
    """Quantises a model in several ways and measures each of them.

    Args:
        model: A trained model, as for `quantize`.
        calibration_data: Array of shape `(samples, ...)`; ranges are measured on them.
        evaluation_data: Array of shape `(samples, ...)` on which accuracies are measured.
        labels: Class numbers `(samples,)` or one-hot rows `(samples, classes)`.
        fine_tuned: The trained copy of the model that `quantization_aware` made, if there is one.

    Returns:
        A `QuantizationReport`.

    Raises:
        UnsupportedLayerError: If a layer has no form in int8 (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model or an argument does not fit.

    Example:

    >>> report = keras_shiftadd.export.quantization_report(model, x_train[:256], x_test, y_test)
    >>> print(report)
    """
    nodes = read_graph(model)
    calibration = check_samples(calibration_data, nodes[0].shape, "calibration_data")
    samples = check_samples(evaluation_data, nodes[0].shape, "evaluation_data")
    classes = check_labels(labels, len(samples), nodes[-1].shape)
    observations = observe(nodes, calibration, lambda done: None)
    expected = _predict(model, samples)
    rows = []
    adders: list[ClampedWeights] = []
    for name, options in _STEPS:
        outputs, adders = _int8(nodes, observations, options, samples)
        rows.append(_compare(name, outputs, expected, classes))
    tuned_accuracy = None
    if fine_tuned is not None:
        nodes = read_graph(fine_tuned)
        observations = observe(nodes, calibration, lambda done: None)
        tuned = _predict(fine_tuned, samples)
        tuned_accuracy = float(np.mean(tuned.argmax(axis=1) == classes))
        outputs, adders = _int8(nodes, observations, _STEPS[-1][1], samples)
        rows.append(_compare("fine-tuned", outputs, expected, classes))
    accuracy = float(np.mean(expected.argmax(axis=1) == classes))
    return QuantizationReport(len(samples), accuracy, tuple(rows), tuple(adders), tuned_accuracy)


def _predict(model: keras.Model, samples: np.ndarray) -> np.ndarray:
    data: Any = samples
    if not isinstance(model, keras.Sequential):
        data = keras.tree.pack_sequence_as(model.input, [samples])
    [outputs] = keras.tree.flatten(model.predict(data, batch_size=_BATCH, verbose=0))
    return np.asarray(outputs, np.float32)


def _int8(
    nodes: Sequence[Node], observations: Observations, options: Options, samples: np.ndarray
) -> tuple[np.ndarray, list[ClampedWeights]]:
    network, adders = quantize_nodes("report", nodes, observations, options)
    return IntegerInterpreter(network).predict(samples), adders


def _compare(
    step: str, outputs: np.ndarray, expected: np.ndarray, classes: np.ndarray
) -> QuantizedAccuracy:
    found = outputs.argmax(axis=1)
    difference = np.sqrt(np.mean((outputs - expected) ** 2, dtype=np.float64))
    return QuantizedAccuracy(
        step,
        float(np.mean(found == classes)),
        float(np.mean(found == expected.argmax(axis=1))),
        float(difference / max(float(expected.std()), 1e-12)),
    )
