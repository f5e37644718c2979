"""Clustering of weights."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from keras_shiftadd.compression._child.twin import Twin, make_twin
from keras_shiftadd.compression._child.twin_layer import TwinLayer
from keras_shiftadd.compression._power_of_two_clustering import PowerOfTwoClustering


class Clustering:
    """Puts `ClusterWeights` around the layers that are to be clustered.

    Args:
        model: The model of Keras 3.
        arrays: The data, which are not needed.
        layers: Names of the layers.
        number_of_clusters: As `cluster_weights` takes it.
        centroids: Name of a `CentroidInitialization`, or None for powers of two.
        preserve_sparsity: As `cluster_weights` takes it.
        gradient_aggregation: "sum", "avg", or None for what fits the gradients of a layer.
    """

    def __init__(
        self,
        model: keras.Model,
        arrays: dict[str, list[np.ndarray]],
        layers: list[str],
        number_of_clusters: int,
        centroids: str | None,
        preserve_sparsity: bool,
        gradient_aggregation: str | None,
    ) -> None:
        self._model = model
        self._layers = set(layers)
        self._powers_of_two = centroids is None
        self._arguments = {
            "number_of_clusters": number_of_clusters,
            "cluster_centroids_init": getattr(
                tfmot.clustering.keras.CentroidInitialization, centroids or "LINEAR"
            ),
            "preserve_sparsity": preserve_sparsity,
        }
        self._aggregation = gradient_aggregation
        self.callbacks: list[Any] = []

    def make_twin(self) -> Twin:
        """The twin with its wrappers."""
        twin = make_twin(self._model, self._wrap)
        if self._powers_of_two:
            for layer, outer in twin.layers:
                if outer is not layer:
                    self._set_powers_of_two(layer, outer)
        return twin

    def _wrap(self, layer: TwinLayer) -> Any:
        if layer.operation.name not in self._layers:
            return layer
        layer.cluster_above = self._arguments["number_of_clusters"]
        aggregation = self._aggregation
        if aggregation is None:
            # The sum over hundreds of gradients of a fixed norm would be a step of that many.
            is_normalized = getattr(layer.operation, "gradient_scale", None) is not None
            aggregation = "avg" if is_normalized else "sum"
        return tfmot.clustering.keras.cluster_weights(
            layer,
            # An enumeration of strings that has no public name.
            cluster_gradient_aggregation=f"GradientAggregation.{aggregation.upper()}",
            **self._arguments,
        )

    def _set_powers_of_two(self, layer: TwinLayer, outer: Any) -> None:
        initializer = PowerOfTwoClustering()
        for name, centroids in outer.cluster_centroids.items():
            weights = layer.variable(name).numpy()
            zero = self._arguments["preserve_sparsity"]
            powers = initializer.centroids(weights, centroids.shape[0], with_zero=zero)
            centroids.assign(powers)
            if zero:
                outer.zero_idx[name] = tf.argmin(tf.abs(centroids), axis=-1)
                outer.sparsity_masks[name] = tf.cast(weights != 0, tf.float32)

    def finish(self, twin: Twin) -> dict[str, Any]:
        """Carries the clustered weights back; reports how many values each kernel has."""
        clusters = {}
        for layer, outer in twin.layers:
            if outer is layer:
                layer.carry_back()
                continue
            outer.update_clustered_weights_associations()
            names = [name for name, _ in layer.get_clusterable_weights()]
            values = {name: getattr(layer, name).numpy() for name in names}
            layer.carry_back(values)
            clusters[layer.operation.name] = [len(np.unique(values[name])) for name in names]
        return {"clusters": clusters}
