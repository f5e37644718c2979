"""BatchNormalizationRecalibration."""

from typing import Any

import keras

from keras_shiftadd.callbacks._batch_statistics import BatchStatistics
from keras_shiftadd.callbacks._samples import some_inputs
from keras_shiftadd.ops._numbers import positive


class BatchNormalizationRecalibration(keras.callbacks.Callback):
    """Re-estimates `BatchNormalization` statistics before each validation of `fit`.

    In the middle of a training, validation of adder networks reads near chance, since the moving
    averages of `BatchNormalization` lag behind the weights; early stopping and the choice of a
    checkpoint go wrong. With this callback they see the network as it is. Training itself is not
    changed: it does not use the moving averages.

    Statistics are replaced before each validation, and at the end of each epoch that has none.
    Callbacks that act at the end of an epoch, such as `ModelCheckpoint`, come after this one in
    the list.

    Args:
        x: Training inputs: array or structure of arrays, `tf.data.Dataset`,
            `keras.utils.PyDataset` or PyTorch `DataLoader`.
        samples: Integer, how many samples statistics are estimated from: chosen at random from
            arrays, the first ones of a data set. They are kept in memory.
        batch_size: Integer, see `recalibrate_batch_normalization`.
        seed: Integer, seed of the choice.

    Raises:
        ValueError: If there is no sample, or a number is not positive.

    Example:

    ```python
    x, y = np.random.normal(size=(64, 8)), np.random.normal(size=(64, 4))
    model = keras.Sequential([
        keras.Input((8,)),
        ksa.layers.AdderDense(4),
        keras.layers.BatchNormalization(),
    ])
    model.compile("sgd", "mse")
    model.fit(
        x, y, validation_split=0.25, verbose=0,
        callbacks=[ksa.callbacks.BatchNormalizationRecalibration(x)],
    )
    ```
    """

    def __init__(self, x: Any, samples: int = 1024, batch_size: int = 256, seed: int = 0) -> None:
        super().__init__()
        self._x = some_inputs(x, positive(samples, "samples"), seed)
        self._batch_size = positive(batch_size, "batch_size")
        self._statistics: BatchStatistics | None = None
        self._stale = False
        self._fitting = False

    def set_model(self, model: keras.Model) -> None:
        """Forgets what was compiled for another model."""
        if model is not self._model:
            self._statistics = None
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Marks the begin of `fit`."""
        self._fitting = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Marks the end of `fit`."""
        self._fitting = False

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Marks the statistics as old."""
        self._stale = True

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Replaces the statistics before a validation."""
        self._replace()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Replaces the statistics where no validation was."""
        self._replace()

    def _replace(self) -> None:
        if not self._fitting or not self._stale:
            return
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        if self._statistics is None:
            self._statistics = BatchStatistics(self.model)
        self._statistics.replace(self._x, self._batch_size)
        self._stale = False
