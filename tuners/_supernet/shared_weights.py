"""What all supernets share: the choice of sub-networks, the loss of a step, the statistics."""

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_shiftadd.ops._numbers import is_integer
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.selective_optimizer import selective

SAMPLINGS = ("sandwich", "single_path")


def check_sampling(sampling: Any, random_networks: Any) -> None:
    """Raises ValueError unless these say which networks a step trains."""
    if sampling not in SAMPLINGS:
        raise ValueError(f"`sampling` must be one of {SAMPLINGS}. Received: {sampling!r}")
    if not is_integer(random_networks) or random_networks < 0:
        raise ValueError(
            f"`random_networks` must be an integer from 0. Received: {random_networks!r}"
        )


class SharedWeights(keras.Model):
    """Base of supernets: keras models whose sub-networks are chosen at run time.

    A subclass has the attributes, creates its tables and states when it is built, and says how an
    architecture becomes integers (`_encode`), what a batch has for statistics
    (`batch_statistics`) and how a sub-network becomes a network of its own (`cut_out`).
    """

    space: Any
    sampling: str
    random_networks: int
    distillation: bool
    seed: int | None
    seed_generator: keras.random.SeedGenerator
    _selected: Architecture | None

    # Axes of the logits of one network.
    logits_rank = 2

    # Rows of the tables that a step draws its networks from. Drawing an index is cheap on every
    # backend, and a table holds valid architectures only, whatever makes them valid.
    table_rows = 4096

    def _encode(self, architecture: Architecture) -> np.ndarray:
        """The integers of an architecture."""
        raise NotImplementedError

    def batch_statistics(self, x: Any) -> Any:
        """BatchNormalization statistics of the selected sub-network in one batch."""
        raise NotImplementedError

    def _table(self, name: str, architectures: list[Architecture]) -> Any:
        codes = np.stack([self._encode(architecture) for architecture in architectures])
        table = self._state(f"{name}_table", codes.shape, "int32")
        table.assign(codes)
        return table

    def _state(self, name: str, shape: tuple[int, ...], dtype: str) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this supernet."""
        return {
            **super().get_config(),
            "space": keras.saving.serialize_keras_object(self.space),
            "sampling": self.sampling,
            "random_networks": self.random_networks,
            "distillation": self.distillation,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Makes a supernet from `get_config`'s dictionary."""
        space = keras.saving.deserialize_keras_object(config["space"])
        return cls(**{**config, "space": space})

    # Training.

    def compile(self, optimizer: Any = "sgd", loss: Any = None, **kwargs: Any) -> None:
        """Configures training; see `keras.Model.compile`.

        Args:
            optimizer: Optimizer or its name. A copy of it is used which leaves weights alone that
                no sub-network of a step uses; its `weight_decay` is added to the gradients of the
                kernels in use.
            loss: Loss, from logits.
            **kwargs: Further arguments of `keras.Model.compile`.
        """
        optimizer = keras.optimizers.get(optimizer)
        self._plain_optimizer = keras.optimizers.serialize(optimizer)
        super().compile(optimizer=selective(optimizer), loss=loss, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """Returns the arguments of `compile`."""
        config = super().get_compile_config()
        if config:
            config["optimizer"] = self._plain_optimizer
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles a supernet that is loaded from a file."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def _draw(self) -> Any:
        """The random sub-networks of a training step, `(count, blocks, columns)`."""
        if self.sampling == "single_path":
            return self._rows(self._random_table, 1)
        smallest = self._rows(self._smallest_table, 1)
        if self.random_networks == 0:
            return smallest
        drawn = self._rows(self._random_table, self.random_networks)
        return ops.concatenate([smallest, drawn])

    def _rows(self, table: Any, count: int) -> Any:
        index = keras.random.randint((count,), 0, self.table_rows, seed=self.seed_generator)
        return ops.take(ops.convert_to_tensor(table), index, axis=0)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of all sub-networks of a step together, or of the selected one."""
        if len(y_pred.shape) == self.logits_rank:
            y_pred = self._with_mask(x, y_pred)
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        # Not one by one with an index: on TensorFlow the gradient of each were as large as all.
        logits = ops.unstack(y_pred, y_pred.shape[0])
        first = self._with_mask(x, logits[0])
        total = super().compute_loss(x, y, first, sample_weight, training)
        if not self.distillation:
            for other in logits[1:]:
                other = self._with_mask(x, other)
                total = total + super().compute_loss(x, y, other, sample_weight, training)
            return total
        weights = self._distillation_weights(x, sample_weight)
        teacher = ops.stop_gradient(ops.softmax(ops.cast(logits[0], "float32")))
        for other in logits[1:]:
            total = total + _mean(
                keras.losses.categorical_crossentropy(
                    teacher, ops.cast(other, "float32"), from_logits=True
                ),
                weights,
            )
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Metrics of the largest sub-network of a training step, or of the selected one."""
        if len(y_pred.shape) == self.logits_rank + 1:
            y_pred = y_pred[0]
        return super().compute_metrics(x, y, self._with_mask(x, y_pred), sample_weight)

    def _with_mask(self, x: Any, logits: Any) -> Any:
        """The logits of a network with the Keras mask of what counts; here all of them."""
        return logits

    def _distillation_weights(self, x: Any, sample_weight: Any) -> Any:
        """What the loss of distillation is weighted with; None for all alike."""
        return sample_weight

    # One sub-network.

    @property
    def trial_samples(self) -> int:
        """Training samples that a trial sees, besides those for the statistics: none."""
        return 0

    @contextlib.contextmanager
    def in_trial(self, architecture: Architecture, samples: Any = None) -> Iterator[None]:
        """Selects an architecture for a trial of a search.

        Args:
            architecture: An architecture of the space.
            samples: Tuple `(x, y)` of `trial_samples` training samples; not used here.
        """
        self.select(architecture)
        yield

    def select(self, architecture: Architecture) -> None:
        """Makes an architecture the one that is evaluated.

        Its BatchNormalization statistics have to be estimated next: see `calibrate`.

        Args:
            architecture: An architecture of the space.
        """
        self._choice.assign(self._encode(architecture))
        self._selected = architecture

    def calibrate(self, x: Any, batch_size: int = 256) -> None:
        """Estimates the BatchNormalization statistics of the selected sub-network.

        Statistics are those of the sub-network's own outputs: no other sub-network's fit it.

        Args:
            x: Array of inputs, or a tuple of arrays, some hundred training samples.
            batch_size: Integer. Means and variances are averaged over full batches.

        Raises:
            ValueError: If `x` holds no sample.
        """
        count = len(keras.tree.flatten(x)[0])
        if count == 0:
            raise ValueError("`x` must hold samples to estimate statistics from. Received: none.")
        batch_size = min(batch_size, count)
        found = [
            np.asarray(self._calibrator().predict_on_batch(_part(x, i, batch_size)))
            for i in range(0, count - batch_size + 1, batch_size)
        ]
        self._statistics.assign(np.mean(np.concatenate(found), axis=0))

    def statistics(self) -> np.ndarray:
        """BatchNormalization means and variances of the selected sub-network.

        Returns:
            Array `(2, channels of all normalisations)`.
        """
        return np.array(ops.convert_to_numpy(self._statistics))


class Calibrator(keras.Model):
    """Returns the statistics that a supernet's normalisations see in a batch."""

    def __init__(self, supernet: SharedWeights) -> None:
        super().__init__(name="calibrator")
        self.supernet = supernet
        # Keras on JAX would call it once without compiling, which takes much longer.
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Means and variances `(1, 2, channels of all normalisations)`, of each device."""
        return ops.expand_dims(self.supernet.batch_statistics(x), 0)


def _part(x: Any, first: int, count: int) -> Any:
    return keras.tree.map_structure(lambda array: array[first : first + count], x)


def _mean(values: Any, sample_weight: Any) -> Any:
    if sample_weight is not None:
        values = values * ops.cast(sample_weight, values.dtype)
    return ops.mean(values)
