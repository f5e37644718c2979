"""plot_ranges."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_shiftadd import _drawing as drawing
from keras_shiftadd.export._arguments import check_samples
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._model import known_layers as known
from keras_shiftadd.export._model.graph import Node, read_graph
from keras_shiftadd.export._model.kernels import kernel_of
from keras_shiftadd.export._model.plan import plan
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization
from keras_shiftadd.export._quantize.compile import quantize_nodes
from keras_shiftadd.export._quantize.observations import observe
from keras_shiftadd.export._quantize.options import Calibration, Options
from keras_shiftadd.export._quantize.tensors import is_adder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Between them lie nearly all values: what is beyond may be saturated at little cost.
_MOST = (1.0, 99.0)


@dataclass(frozen=True)
class _Row:
    """A tensor: what was measured and what it can hold, and the weights subtracted from it."""

    name: str
    operator: str | None
    values: np.ndarray
    low: float
    high: float
    held: Quantization
    weights: np.ndarray | None


def plot_ranges(
    model: keras.Model,
    calibration_data: Any,
    calibration: Calibration = "mse",
    redistribute: bool = True,
    ax: "Axes | None" = None,
) -> "Figure":
    """Plots the values of each activation beside the range that its int8 tensor can hold.

    Each tensor of the int8 network is a row, in units of its own int8 numbers: the shaded band from
    -128 to 127 is what it can hold. A bar reaches over the middle 98 % of the values, a line from
    the least to the largest; what leaves the band is saturated, and a bar far shorter than the band
    wastes bits. Below a tensor that adder layers read, a dotted line shows the reach of their
    weights, which have its units. The text on the right is the range in the numbers of the model.
    Needs matplotlib.

    Args:
        model: A trained model, as for `quantize`.
        calibration_data: Array of shape `(samples, ...)`, typical inputs.
        calibration: How ranges are chosen, as for `quantize`.
        redistribute: As for `quantize`.
        ax: Matplotlib axes to draw on; `None` makes a new figure.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: If matplotlib is missing.
        UnsupportedLayerError: If a layer has no form in int8 (a ValueError).
        TypeError: If an argument is of a wrong type.
        ValueError: If the model or an argument does not fit.

    Example:

    >>> figure = keras_shiftadd.export.plot_ranges(model, x_train[:256])
    >>> figure.savefig("ranges.png")
    """
    rows = _measure(model, calibration_data, Options(calibration, redistribute))
    ax = drawing.axes(ax, figsize=(8.5, 1.4 + 0.36 * len(rows)))
    ax.axvspan(INT8_MIN, INT8_MAX, color=drawing.NEUTRAL, alpha=0.15, linewidth=0, label="int8")
    for position, row in enumerate(rows):
        color = drawing.OPERATOR_COLORS.get(row.operator or "", drawing.NEUTRAL)
        inner = _units(np.percentile(row.values, _MOST), row.held)
        ends = _units(np.array([row.low, row.high]), row.held)
        ax.plot(ends, [position] * 2, color=color, linewidth=1.2)
        label = row.operator or "no kernel"
        ax.barh(position, inner[1] - inner[0], 0.5, inner[0], color=color, label=label)
        if row.weights is not None:
            ends = _units(np.array([row.weights.min(), row.weights.max()]), row.held)
            ax.plot(
                ends,
                [position + 0.38] * 2,
                color=drawing.OPERATOR_COLORS["adder"],
                linewidth=1.2,
                linestyle=":",
                label="adder weights",
            )
        ax.annotate(
            f"{row.held.low:.3g} to {row.held.high:.3g}",
            (1, position),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.invert_yaxis()
    drawing.tidy(ax, "int8 number", "", grid="x")
    ax.tick_params(axis="y", length=0)
    drawing.legend_above(ax)
    return drawing.figure_of(ax)


def _measure(model: keras.Model, calibration_data: Any, options: Options) -> list[_Row]:
    nodes = read_graph(model)
    data = check_samples(calibration_data, nodes[0].shape, "calibration_data")
    observations = observe(nodes, data, lambda done: None)
    network, _ = quantize_nodes(model.name, nodes, observations, options)
    held = _quantizations(network)
    steps = plan(nodes)
    weights: dict[str, list[np.ndarray]] = {}
    for step in steps:
        if is_adder(step.node.layer):
            kernel = kernel_of(step.node.layer).ravel()
            weights.setdefault(step.node.inputs[0].name, []).append(kernel)
    operators = {step.output.name: _operator(step.node) for step in steps}
    outputs = [nodes[0], *(step.output for step in steps)]
    return [
        _Row(
            node.name,
            operators.get(node.name),
            observations.values[node],
            float(observations.ranges[node].low.min()),
            float(observations.ranges[node].high.max()),
            held[node.name],
            np.concatenate(weights[node.name]) if node.name in weights else None,
        )
        for node in outputs
        if node.name in held
    ]


def _quantizations(network: IntegerModel) -> dict[str, Quantization]:
    """What each tensor can hold, by the name of the layer that ends in it."""
    return {tensor.name: tensor.quantization for tensor in network.tensors}


def _operator(node: Node) -> str | None:
    return known.operator(node.layer) if isinstance(node.layer, known.KERNEL) else None


def _units(values: np.ndarray, held: Quantization) -> np.ndarray:
    return values / held.scale + held.zero_point
