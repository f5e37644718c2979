"""BatchNormalization statistics of a network, estimated anew."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.callbacks._samples import is_arrays
from keras_shiftadd.ops._numbers import positive


def recalibrate_batch_normalization(model: keras.Model, x: Any, batch_size: int = 256) -> None:
    """Replaces the moving averages of all `BatchNormalization` layers by those of some samples.

    Outputs of adder layers reach hundreds and move fast while weights change; moving averages lag
    behind, and what uses them reads too low. Averages of forward passes in training mode do not.
    Layers with `trainable=False` keep theirs. No other variable changes.

    Args:
        model: Built `keras.Model`.
        x: Array of inputs, or a structure of arrays where the model takes one; some hundred to
            some thousand training samples.
        batch_size: Integer. Statistics are those of batches of this size, pooled; a smaller
            remainder is left out.

    Raises:
        ValueError: If `x` holds no sample, or is not made of arrays.

    Example:

    ```python
    model = keras.Sequential([
        keras.Input((8,)),
        ksa.layers.AdderDense(4),
        keras.layers.BatchNormalization(),
    ])
    ksa.callbacks.recalibrate_batch_normalization(model, np.random.normal(size=(64, 8)))
    ```
    """
    BatchStatistics(model).replace(x, batch_size)


class BatchStatistics:
    """The statistics of a model's normalisations; compiles their computation once.

    Args:
        model: a built model.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._layers = list(batch_normalizations(model))
        self._forward = _TrainingForward(model, self._layers)

    def replace(self, x: Any, batch_size: int) -> None:
        """See `recalibrate_batch_normalization`."""
        if not is_arrays(x):
            raise ValueError(f"`x` must be an array, or made of arrays. Received: {type(x)}")
        count = len(keras.tree.flatten(x)[0])
        if count == 0:
            raise ValueError("`x` must hold samples to estimate statistics from. Received: none.")
        batch_size = positive(batch_size, "batch_size")
        if not self._layers:
            return
        size = min(batch_size, count)
        own = {id(v) for n in self._layers for v in (n.moving_mean, n.moving_variance)}
        # Seeds of dropout, and whatever else a forward pass moves on.
        others = [v for v in self._model.non_trainable_variables if id(v) not in own]
        before = [np.array(ops.convert_to_numpy(v)) for v in others]
        with _own_random_numbers():
            found = [
                self._forward.predict_on_batch(_rows(x, slice(start, start + size)))
                for start in range(0, count - size + 1, size)
            ]
        for variable, value in zip(others, before, strict=True):
            variable.assign(value)
        for i, layer in enumerate(self._layers):
            means, variances = (np.concatenate([batch[k][i] for batch in found]) for k in (0, 1))
            layer.moving_mean.assign(means.mean(axis=0))
            # The law of total variance.
            layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))


def _rows(x: Any, rows: slice) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], x)


def _own_random_numbers() -> contextlib.AbstractContextManager[Any]:
    """Gives back the state of random numbers that is not in variables of the model."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.random.fork_rng()


def batch_normalizations(layer: keras.layers.Layer) -> Iterator[keras.layers.BatchNormalization]:
    """The `BatchNormalization` layers in a layer or model, each once."""
    seen: set[int] = set()

    def walk(value: Any) -> Iterator[keras.layers.BatchNormalization]:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple | set):
            for part in value:
                yield from walk(part)
        elif isinstance(value, keras.layers.Layer) and id(value) not in seen:
            seen.add(id(value))
            if isinstance(value, keras.layers.BatchNormalization):
                yield value
            else:
                yield from walk(vars(value))

    yield from walk(layer)


class _TrainingForward(keras.Model):
    """Means and variances of one batch at every normalisation."""

    def __init__(self, model: keras.Model, layers: list[keras.layers.BatchNormalization]) -> None:
        super().__init__(name="batch_statistics")
        self._inner = model
        # In a function, because Keras would track a list of layers.
        self._normalizations = lambda: layers
        self.built = True

    def call(self, inputs: Any) -> tuple[list[Any], list[Any]]:
        """Statistics with a first axis of one, along which devices and batches are joined."""
        layers = self._normalizations()
        momenta = [layer.momentum for layer in layers]
        try:
            for layer in layers:
                layer.momentum = 0.0
            self._inner(inputs, training=True)
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
        means = [ops.expand_dims(ops.copy(layer.moving_mean.value), 0) for layer in layers]
        variances = [ops.expand_dims(ops.copy(layer.moving_variance.value), 0) for layer in layers]
        return means, variances
