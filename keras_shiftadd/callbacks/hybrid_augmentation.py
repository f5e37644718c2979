"""HybridAugmentation."""

import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_shiftadd.callbacks import _samples
from keras_shiftadd.callbacks._augmentation import joint_optimizer, training
from keras_shiftadd.callbacks._augmentation.groups import Widths
from keras_shiftadd.callbacks._batch_statistics import recalibrate_batch_normalization
from keras_shiftadd.callbacks.augmented import Augmented, Factors, check_arguments


class HybridAugmentation(keras.callbacks.Callback):
    """Trains a tiny network inside wider ones; only the tiny one remains.

    In each step of `fit` the loss is `loss(model) + loss_weight * loss(wide network)`. The wide
    network has the layers of the model with more channels; it computes with the weights of the
    model and with extra ones. After `fit` the model is the one that was there before: class,
    variables, optimizer and saved file.

    `loss` and metrics in the logs are those of the model, `augmented_loss` is the wide network's,
    not a number in epochs without one.
    Validation, checkpoints and `summary` are those of the model at any time.

    Works on Functional and Sequential models of convolutions, depthwise and dense layers, of
    Keras and of this package, with batch normalisation, elementwise activations, pooling,
    residual connections, concatenation and squeeze-and-excitation. Around a layer that cannot be
    widened channels keep their number; `describe` says which and why.

    Args:
        widths: Tuple of floats above 1, factors of the numbers of channels. There are as many
            wide networks as widths; each layer has each width in one of them. Or a dictionary
            from names of layers to such factors, one wide network in which only these layers are
            wider, or a tuple of dictionaries, one a wide network; `expansions` is None then. Each
            wide network is compiled.
        expansions: Tuple of floats from 1 for the channels inside blocks (those of a depthwise
            layer), times the width of the block's input; `None` draws them from `widths`.
        operator: `"own"`, `"conv"` or `"mixed"`; see `Augmented`.
        loss_weight: Float from 0, weight of the wide network's loss; 0 trains the model alone.
        weight_sharing: `"transport"`, `"gain"`, `"binned"` or `"none"`; see `Augmented`.
        schedule: Float from 0 to 1: the part of the training in which the wide networks are
            trained, from its beginning; after that the model is trained alone. Or a function from
            the part that is done to the part of the steps that have a wide network.
        sort_channels_until: Float from 0 to 1: in this part of the training, from its beginning,
            channels are sorted before each epoch but the first, so that the most important ones
            are the model's, and the optimizer's slots with them; see `Augmented.sort_channels`.
            Above 0 it needs `calibration_data`.
        batch_fraction: Float above 0 up to 1: the part of each batch that the wide network sees.
        exclude: Names of layers whose channels keep their number.
        calibration_data: Training inputs from which the statistics of `BatchNormalization` are
            estimated anew at the end (up to 16,384 samples): array, `tf.data.Dataset`,
            `keras.utils.PyDataset` or PyTorch `DataLoader`. `None` leaves moving averages, to
            which only the model itself contributes.
        seed: Integer, seed of the extra weights and of the order of the wide networks.

    Raises:
        ValueError: If an argument is out of its range, or nothing of the model can be widened.

    Example:

    ```python
    model = keras.Sequential([
        keras.Input((8, 8, 3)),
        ksa.layers.ShiftConv2D(8, 3, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.ReLU(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2),
    ])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.normal(size=(32, 8, 8, 3)), np.random.randint(2, size=32)
    model.fit(x, y, verbose=0, callbacks=[ksa.callbacks.HybridAugmentation()])
    ```

    Reference:
        - [Guo et al., 2024, ShiftAddAug](https://arxiv.org/abs/2407.02881)
        - [Cai et al., 2022, NetAug](https://arxiv.org/abs/2110.08890)
    """

    def __init__(
        self,
        widths: Factors = (1.6, 2.2, 2.8),
        expansions: Sequence[float] | None = None,
        operator: str = "own",
        loss_weight: float = 1.0,
        weight_sharing: str = "transport",
        schedule: float | Callable[[float], float] = 0.5,
        sort_channels_until: float = 0.0,
        batch_fraction: float = 1.0,
        exclude: Sequence[str] = (),
        calibration_data: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_arguments(widths, expansions, operator, loss_weight, weight_sharing, seed)
        if not callable(schedule) and not 0 <= schedule <= 1:
            raise ValueError(
                "`schedule` must be a number from 0 to 1, or a function of the part of the "
                f"training that is done. Received: {schedule!r}"
            )
        if not 0 <= sort_channels_until <= 1:
            raise ValueError(
                "`sort_channels_until` must be a number from 0 to 1. Received: "
                f"{sort_channels_until!r}"
            )
        if sort_channels_until and calibration_data is None:
            raise ValueError(
                "`sort_channels_until` needs `calibration_data`: channels that become the model's "
                "have no moving averages yet. Received: calibration_data=None."
            )
        if not 0 < batch_fraction <= 1:
            raise ValueError(
                f"`batch_fraction` must be above 0 and at most 1. Received: {batch_fraction!r}"
            )
        self._arguments: dict[str, Any] = {
            "widths": dict(widths) if isinstance(widths, Mapping) else tuple(widths),
            "expansions": None if expansions is None else tuple(expansions),
            "operator": operator,
            "loss_weight": loss_weight,
            "weight_sharing": weight_sharing,
            "exclude": tuple(exclude),
            "seed": seed,
        }
        self._schedule = schedule
        self._sort_channels_until = float(sort_channels_until)
        self._batch_fraction = float(batch_fraction)
        self._calibration_data = calibration_data
        self._seed = seed
        self._augmented: Augmented | None = None
        self._augmentation: training.Augmentation | None = None
        self._fitting = False
        self._epoch = 0
        self._batch = 0

    def describe(self) -> str:
        """A line for each layer of the last model: its widths, or why it keeps its own.

        Raises:
            ValueError: If there was no training yet.
        """
        if self._augmented is None:
            raise ValueError("`describe` knows the model of the last training. There was none.")
        return self._augmented.describe()

    def set_model(self, model: keras.Model) -> None:
        """Makes the wide networks; the next steps train them."""
        training.remove(model)
        super().set_model(model)
        if self._arguments["loss_weight"] == 0:
            return
        self._fitting = False
        with _scope(model):
            self._augmented = Augmented(model, **self._arguments)
            self._augmentation = training.Augmentation(
                self._augmented._network,
                self._augmented.loss_weight,
                self._batch_fraction,
                self._next_widths,
            )
            training.install(model, self._augmentation)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Marks the begin of a training."""
        self._fitting = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the epoch."""
        self._epoch, self._batch = epoch, 0
        self._set_training(True)
        done = epoch / max(1, self.params.get("epochs") or 1)
        if self._augmented is not None and 0 < done < self._sort_channels_until:
            self._synchronise()
            optimizer = joint_optimizer.inner_optimizer(self.model.optimizer)
            self._augmented.sort_channels(optimizer)
            self._recalibrate()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Notes the batch."""
        self._batch = batch

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Leaves the evaluation to the model."""
        self._set_training(False)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Goes back to the training, if there is one."""
        self._set_training(self._fitting)
        self._remove_outside_fit()

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """Goes back to the training, if there is one."""
        self._remove_outside_fit()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Makes the model the one that it was."""
        self._fitting = False
        self._synchronise()
        training.remove(self.model)
        if self._calibration_data is not None:
            self._recalibrate()

    def _synchronise(self) -> None:
        """Gives variables the values that they have in the compiled steps of JAX."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()

    def _recalibrate(self) -> None:
        samples = _samples.some_inputs(self._calibration_data, 16384, self._seed)
        recalibrate_batch_normalization(self.model, samples)

    def _remove_outside_fit(self) -> None:
        if not self._fitting:
            training.remove(self.model)

    def _set_training(self, is_training: bool) -> None:
        if self._augmentation is not None:
            self._augmentation.is_training = is_training

    def _next_widths(self) -> Widths | None:
        """The widths of the next step: drawn anew from seed, epoch and batch."""
        assert self._augmented is not None
        configurations = self._augmented.configurations
        turn, place = divmod(self._batch, len(configurations))
        rng = random.Random(f"{self._seed} {self._epoch} {turn}")
        order = list(range(len(configurations)))
        rng.shuffle(order)
        epochs = max(1, self.params.get("epochs") or 1)
        steps = self.params.get("steps") or 0
        done = (self._epoch + (self._batch / steps if steps else 0.0)) / epochs
        if callable(self._schedule):
            part = float(self._schedule(done))
        else:
            part = 1.0 if done < self._schedule else 0.0
        draw = random.Random(f"{self._seed} {self._epoch} {self._batch} step").random()
        return configurations[order[place]] if draw < part else None


def _scope(model: keras.Model) -> Any:
    """Where variables of a model have to be made."""
    strategy = getattr(model, "distribute_strategy", None)
    return contextlib.nullcontext() if strategy is None else strategy.scope()
