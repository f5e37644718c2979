"""Training of a supernet that goes on where it was killed."""

from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd.tuners._supernet.data import count_steps, fit_data
from keras_shiftadd.tuners._supernet.store import SupernetStore

if TYPE_CHECKING:
    from keras_shiftadd.tuners._space.search_space import SearchSpace
    from keras_shiftadd.tuners._supernet.shared_weights import SharedWeights


def optimizer_for(
    space: "SearchSpace", x: Any, batch_size: int, epochs: int, steps_per_epoch: int | None
) -> keras.optimizers.Optimizer:
    """The default optimizer of a space for a training of some epochs.

    Raises:
        ValueError: if the number of steps is not known.
    """
    steps = steps_per_epoch or count_steps(x, batch_size)
    if steps is None:
        raise ValueError(
            "With a data set of unknown length `steps_per_epoch` must be given, or an optimizer: "
            "the learning rate of the default one falls over all steps. Received: neither."
        )
    return space.default_optimizer(steps * epochs)


def decay_kernels_only(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> None:
    """Leaves offsets, gains and adder kernels out of weight decay, which draws to zero.

    Weights of adder layers are places, not factors.
    """
    kept = [
        variable
        for layer in model.layers
        for variable in layer.trainable_variables
        if getattr(layer, "operator", None) == "adder" or "kernel" not in variable.name
    ]
    optimizer.exclude_from_weight_decay(kept)


def train(
    supernet: "SharedWeights",
    store: SupernetStore,
    x: Any,
    y: Any,
    epochs: int,
    batch_size: int,
    seed: int,
    sample_weight: Any = None,
    **fit_arguments: Any,
) -> None:
    """Trains a compiled supernet up to a number of epochs, from its last checkpoint.

    Args:
        supernet: a compiled supernet whose optimiser is built.
        store: where checkpoints are.
        x: arrays, or any data set that `fit` takes.
        y: array, or None with a data set.
        epochs: number of epochs in all.
        batch_size: for arrays.
        seed: of the order of arrays.
        sample_weight: array, or None.
        **fit_arguments: further arguments of `fit`.
    """
    state = store.state()
    logs = []
    if state is not None:
        store.load(supernet)
        logs = state["logs"]
    done = len(logs)
    # The order of arrays depends on the number of the epoch only, so that a resumed training sees
    # what an uninterrupted one would.
    data = fit_data(x, y, batch_size, seed, done, sample_weight)
    given = fit_arguments.pop("callbacks", None) or []
    callbacks = [*given, _Checkpoints(store, epochs, logs)]
    if done < epochs:
        supernet.fit(
            **data, initial_epoch=done, epochs=epochs, callbacks=callbacks, **fit_arguments
        )


class _Checkpoints(keras.callbacks.Callback):
    """Writes the weights after each epoch."""

    def __init__(self, store: SupernetStore, epochs: int, logs: list[dict[str, float]]) -> None:
        super().__init__()
        self._store = store
        self._epochs = epochs
        self._logs = list(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the weights."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self._logs.append({name: float(value) for name, value in (logs or {}).items()})
        self._store.save(self.model, epoch + 1, self._epochs, self._logs)
