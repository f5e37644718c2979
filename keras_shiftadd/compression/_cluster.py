"""Clusters the weights of a model."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_shiftadd.compression._job import check_model, run_job
from keras_shiftadd.compression._power_of_two_clustering import PowerOfTwoClustering
from keras_shiftadd.compression._selection import select_layers
from keras_shiftadd.compression._training import read_training
from keras_shiftadd.ops._numbers import is_integer

CENTROIDS = ("linear", "random", "density_based", "kmeans_plus_plus")
AGGREGATIONS = ("sum", "avg")


def cluster(
    model: keras.Model,
    number_of_clusters: int,
    x: Any,
    y: Any = None,
    layers: Sequence[str] | None = None,
    cluster_centroids_init: str | PowerOfTwoClustering = "kmeans_plus_plus",
    preserve_sparsity: bool = False,
    cluster_gradient_aggregation: str | None = None,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
    seed: int | None = None,
    verbose: int = 1,
    **kwargs: Any,
) -> keras.Model:
    """Trains a model whose kernels have few different weights each.

    TensorFlow Model Optimization does it (`cluster_weights`), in a process of its own, on any
    backend of Keras. A kernel of no more weights than clusters is left as it is.

    Args:
        model: A built Functional or Sequential model of layers of Keras and of this package. It is
            not changed.
        number_of_clusters: How many different weights a kernel may have; at least 2.
        x: Array of inputs, or a list of arrays.
        y: Array of targets, or a list of arrays; None where the loss needs none.
        layers: Names of the layers that are clustered; None for all trainable ones with kernels.
        cluster_centroids_init: `"linear"`, `"random"`, `"density_based"`, `"kmeans_plus_plus"`, or
            a `PowerOfTwoClustering`.
        preserve_sparsity: Whether weights that are zero stay zero, as after `prune`; at least 3
            clusters then.
        cluster_gradient_aggregation: `"sum"` or `"avg"`: the gradient of a cluster from those of
            its weights. `None` is `"avg"` for layers that bring their gradients to a norm of their
            own, as adder layers with a `gradient_scale` do, and `"sum"` for others.
        optimizer: As `compile` takes it; None for that of the compiled model, anew.
        loss: Likewise.
        metrics: Likewise.
        seed: Integer that decides over shuffling and dropout, or None.
        verbose: 0 is silent; 1 prints a line for each epoch.
        **kwargs: Keyword arguments of `fit`: `batch_size`, `epochs`, `validation_data`,
            `validation_split`, `shuffle`, `class_weight`, `sample_weight` and others that take no
            object.

    Returns:
        A new model of the same layers, compiled. `history` holds the losses and metrics.

    Raises:
        ImportError: If tensorflow-model-optimization or tf-keras is not installed.
        TypeError: If an argument is of a wrong type, or unknown.
        ValueError: If a layer cannot be clustered, or an argument is out of its range.
        RuntimeError: If the process that trains fails.

    Example:

    >>> clustered = keras_shiftadd.compression.cluster(model, 16, x_train, y_train, epochs=5)

    Reference:
        - [Han et al., 2016, Deep Compression](https://arxiv.org/abs/1510.00149), section 3.
    """
    check_model(model)
    least = 3 if preserve_sparsity else 2
    if not is_integer(number_of_clusters) or number_of_clusters < least:
        raise ValueError(
            f"`number_of_clusters` must be an integer of at least {least}. "
            f"Received: {number_of_clusters!r}."
        )
    if (
        not isinstance(cluster_centroids_init, PowerOfTwoClustering)
        and cluster_centroids_init not in CENTROIDS
    ):
        raise ValueError(
            f"`cluster_centroids_init` must be one of {CENTROIDS}, or a PowerOfTwoClustering. "
            f"Received: {cluster_centroids_init!r}."
        )
    if cluster_gradient_aggregation not in (None, *AGGREGATIONS):
        raise ValueError(
            f"`cluster_gradient_aggregation` must be None or one of {AGGREGATIONS}. "
            f"Received: {cluster_gradient_aggregation!r}."
        )
    powers_of_two = isinstance(cluster_centroids_init, PowerOfTwoClustering)
    options = {
        "layers": select_layers(model, layers, "clustered"),
        "number_of_clusters": int(number_of_clusters),
        "centroids": None if powers_of_two else str(cluster_centroids_init).upper(),
        "preserve_sparsity": bool(preserve_sparsity),
        "gradient_aggregation": cluster_gradient_aggregation,
    }
    training = read_training(model, x, y, optimizer, loss, metrics, seed, kwargs)
    return run_job("cluster", model, options, training, verbose).model
