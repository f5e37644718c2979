"""Pruning by magnitude."""

from typing import Any

import keras
import numpy as np
import tensorflow_model_optimization as tfmot

from keras_shiftadd.compression._child.twin import Twin, make_twin
from keras_shiftadd.compression._child.twin_layer import TwinLayer


class Pruning:
    """Puts `PruneLowMagnitude` around the layers that are to be pruned.

    Args:
        model: The model of Keras 3.
        arrays: The data, which are not needed.
        layers: Names of the layers.
        schedule: Class name and config of a pruning schedule.
        block_size: As `prune_low_magnitude` takes it.
        block_pooling_type: Likewise.
        sparsity_m_by_n: Likewise.
    """

    def __init__(
        self,
        model: keras.Model,
        arrays: dict[str, list[np.ndarray]],
        layers: list[str],
        schedule: dict[str, Any],
        block_size: list[int],
        block_pooling_type: str,
        sparsity_m_by_n: list[int] | None,
    ) -> None:
        self._model = model
        self._layers = set(layers)
        kind = getattr(tfmot.sparsity.keras, schedule["class_name"])
        self._arguments = {
            "pruning_schedule": kind(**schedule["config"]),
            "block_size": tuple(block_size),
            "block_pooling_type": block_pooling_type,
            "sparsity_m_by_n": None if sparsity_m_by_n is None else tuple(sparsity_m_by_n),
        }
        self.callbacks = [tfmot.sparsity.keras.UpdatePruningStep()]

    def make_twin(self) -> Twin:
        """The twin with its wrappers."""
        return make_twin(self._model, self._wrap)

    def _wrap(self, layer: TwinLayer) -> Any:
        if layer.operation.name not in self._layers:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(layer, **self._arguments)

    def finish(self, twin: Twin) -> dict[str, Any]:
        """Carries the weights back; reports the share of zeros in each kernel."""
        twin.carry_back()
        sparsity = {}
        for layer, outer in twin.layers:
            if outer is not layer:
                zeros = [float(np.mean(w.numpy() == 0)) for w in layer.get_prunable_weights()]
                sparsity[layer.operation.name] = zeros
        return {"sparsity": sparsity}
