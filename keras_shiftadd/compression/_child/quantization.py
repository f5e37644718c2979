"""Quantisation-aware training."""

from typing import Any

import keras
import numpy as np
from tensorflow_model_optimization.quantization.keras import QuantizeWrapperV2

from keras_shiftadd import layers as ours
from keras_shiftadd.compression._child.quantize_configs import (
    LayerQuantizeConfig,
    RangeQuantizeConfig,
    kernel_config,
)
from keras_shiftadd.compression._child.quantizers import RangeQuantizer
from keras_shiftadd.compression._child.twin import Twin, make_twin
from keras_shiftadd.compression._child.twin_layer import Place, TwinLayer
from keras_shiftadd.export._model.graph import Node, read_graph
from keras_shiftadd.export._model.known_layers import KERNEL, operator


class Quantization:
    """Puts `QuantizeWrapperV2` around what has int8 numbers in the export.

    Tensors have the ranges of the `FakeQuantization` layers of the model, which are trained with
    the gradients of their limits and steps. Kernels are rounded as the export rounds them.

    Args:
        model: A model that `keras_shiftadd.export.quantization_aware` made.
        arrays: The data, which are not needed.
    """

    def __init__(self, model: keras.Model, arrays: dict[str, list[np.ndarray]]) -> None:
        self._model = model
        self._nodes: dict[int, Node] = {}
        for node in read_graph(model):
            if id(node.layer) in self._nodes and _is_adder(node.layer):
                raise ValueError(
                    "An adder layer must be called once: its weights have the numbers of one input."
                    f" Received: layer '{node.name}', which is called several times."
                )
            self._nodes[id(node.layer)] = node
        self._ranges: dict[int, RangeQuantizer] = {}
        self._configs: dict[int, LayerQuantizeConfig] = {}
        self.callbacks: list[Any] = []

    def make_twin(self) -> Twin:
        """The twin with its wrappers."""
        return make_twin(self._model, self._wrap)

    def finish(self, twin: Twin) -> dict[str, Any]:
        """Carries the rounded weights and the ranges back."""
        for layer, _ in twin.layers:
            config = self._configs.get(id(layer))
            if config is None:
                layer.carry_back()
            else:
                config.carry_back(layer)
        return {}

    def _wrap(self, layer: TwinLayer) -> Any:
        operation = layer.operation
        node = self._nodes.get(id(operation))
        if node is None:
            return layer
        if isinstance(operation, ours.FakeQuantization):
            quantizer = RangeQuantizer(*operation.learned_range(), int(np.prod(node.shape)))
            self._ranges[id(operation)] = quantizer
            self._configs[id(layer)] = RangeQuantizeConfig(quantizer, operation)
            identity = TwinLayer(keras.layers.Activation("linear"), layer.name, [Place(0)], {})
            return QuantizeWrapperV2(identity, self._configs[id(layer)])
        if not isinstance(operation, KERNEL):
            return layer
        self._configs[id(layer)] = kernel_config(operation, self._range_before(node))
        return QuantizeWrapperV2(layer, self._configs[id(layer)])

    def _range_before(self, node: Node) -> RangeQuantizer | None:
        """The range of a node's input, through layers that leave the numbers as they are."""
        [source] = node.inputs
        while source.layer is not None:
            if id(source.layer) in self._ranges:
                return self._ranges[id(source.layer)]
            if len(source.inputs) != 1 or source.layer.weights:
                return None
            [source] = source.inputs
        return None


def _is_adder(layer: Any) -> bool:
    return isinstance(layer, KERNEL) and operator(layer) == "adder"
