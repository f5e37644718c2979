"""Decides what the integers of each tensor stand for."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_shiftadd.export._integer import softmax
from keras_shiftadd.export._model import known_layers as known
from keras_shiftadd.export._model import parts
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._model.kernels import kernel_of
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.observations import Observations
from keras_shiftadd.export._quantize.options import Options
from keras_shiftadd.export._quantize.ranges import choose_quantization, union

_SIGMOID = Quantization(1 / 256, -128)
_TANH = Quantization(1 / 128, 0)
_MAX_POOLING = (keras.layers.GlobalMaxPooling1D, keras.layers.GlobalMaxPooling2D)
# What leaves the integers as they are.
_SAME_NUMBERS = (
    *known.POOLING,
    *_MAX_POOLING,
    *known.PADDING,
    keras.layers.Flatten,
    keras.layers.Reshape,
    *known.FAKE_QUANTIZATION,
    parts.SplitHeads,
    parts.JoinHeads,
    parts.RepeatChannel,
)


class TensorQuantizations:
    """The quantisation of the output of every step.

    Steps that leave the integers as they are share that of their input, and so do tensors that
    are only concatenated.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        steps: Sequence[Step],
        observations: Observations,
        options: Options,
    ) -> None:
        self._options = options
        self._observations = observations
        self._readers: dict[Node, list[Step]] = {node: [] for node in nodes}
        self._group = {node: node for node in nodes}
        for step in steps:
            if _keeps_numbers(step):
                self._group[step.output] = self._group[step.node.inputs[0]]
            else:
                for source in step.node.inputs:
                    self._readers[self._group[source]].append(step)
        self._ends = {self._group[nodes[-1]]}
        self._fixed = {
            step.output: fixed
            for step in steps
            if (fixed := _fixed_quantization(step.node.layer)) is not None
        }
        for step in steps:
            if isinstance(step.node.layer, known.FAKE_QUANTIZATION):
                learned = Quantization.from_range(*step.node.layer.learned_range())
                self._fixed.setdefault(self._group[step.output], learned)
        self._found: dict[Node, Quantization] = {}
        for step in steps:
            if isinstance(step.node.layer, keras.layers.Concatenate):
                self._join(step)

    def of(self, node: Node) -> Quantization:
        """The quantisation of a node's output."""
        group = self._group[node]
        if group not in self._found:
            self._found[group] = self._choose(group)
        return self._found[group]

    def is_chosen(self, node: Node) -> bool:
        """Whether a node's quantisation is its own, and neither fixed nor that of another."""
        return self._group[node] is node and node not in self._fixed

    def set(self, node: Node, quantization: Quantization) -> None:
        """Changes the quantisation of a node's output, before it is used."""
        self._found[self._group[node]] = quantization

    def for_adder(self, step: Step) -> Quantization:
        """The quantisation that an adder layer wants its input in."""
        own = self.of(step.node.inputs[0])
        if self._options.redistribute:
            return own
        kernel = kernel_of(step.node.layer)
        low, high = float(kernel.min()), float(kernel.max())
        return own if own.low <= low and own.high >= high else union(own, low, high)

    def _join(self, step: Step) -> None:
        joined = self._group[step.output]
        for source in step.node.inputs:
            group = self._group[source]
            alone = all(reader is step for reader in self._readers[group])
            if alone and group not in self._fixed and group not in self._ends:
                for node, other in self._group.items():
                    if other is group:
                        self._group[node] = joined

    def _choose(self, group: Node) -> Quantization:
        if group in self._fixed:
            return self._fixed[group]
        measured = self._observations.ranges[group]
        # Logits that are cut off could not be told apart.
        calibration = "minmax" if group in self._ends else self._options.calibration
        adders = [
            kernel_of(step.node.layer).ravel()
            for step in self._readers[group]
            if is_adder(step.node.layer)
        ]
        weights = np.concatenate(adders) if adders and self._options.redistribute else None
        found = choose_quantization(
            self._observations.values[group],
            float(measured.low.min()),
            float(measured.high.max()),
            calibration,
            weights,
        )
        others = [step for step in self._readers[group] if not is_adder(step.node.layer)]
        if adders and not others and not self._options.redistribute:
            every = np.concatenate(adders)
            found = union(found, float(every.min()), float(every.max()))
        return found


def is_adder(layer: Any) -> bool:
    """Whether a layer sums distances."""
    return isinstance(layer, known.KERNEL) and known.operator(layer) == "adder"


def _keeps_numbers(step: Step) -> bool:
    return isinstance(step.node.layer, _SAME_NUMBERS)


def _fixed_quantization(layer: Any) -> Quantization | None:
    if isinstance(layer, keras.layers.Softmax):
        return softmax.OUTPUT
    if isinstance(layer, keras.layers.Activation):
        name = known.activation_name(layer)
        return {"softmax": softmax.OUTPUT, "sigmoid": _SIGMOID, "tanh": _TANH}.get(name)
    return None
