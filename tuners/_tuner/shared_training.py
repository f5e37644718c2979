"""The supernet of a search: made, trained and kept once, then used by all trials."""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd.callbacks._samples import some_inputs
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.data import some_samples
from keras_shiftadd.tuners._supernet.shared_weights import SharedWeights
from keras_shiftadd.tuners._supernet.store import SupernetStore
from keras_shiftadd.tuners._supernet.training import optimizer_for, train
from keras_shiftadd.tuners.augmentation_space import AugmentationSpace
from keras_shiftadd.tuners.augmentation_supernet import AugmentationSupernet
from keras_shiftadd.tuners.supernet import Supernet
from keras_shiftadd.tuners.translation_space import TranslationSpace
from keras_shiftadd.tuners.translation_supernet import TranslationSupernet

if TYPE_CHECKING:
    from keras_shiftadd.tuners._space.search_space import SearchSpace

# Arguments of a supernet that its weights depend on.
_SIGNATURE = (
    "weight_sharing",
    "sampling",
    "random_networks",
    "distillation",
    "shared_gradient_scale",
    "bins",
    "seed",
    "fine_tuning_steps",
    "fine_tuning_batch_size",
    "fine_tuning_rate",
)


def make_supernet(space: "SearchSpace", seed: int) -> SharedWeights:
    """The supernet of a space with the usual arguments."""
    if isinstance(space, AugmentationSpace):
        return AugmentationSupernet(space, seed=seed)
    if isinstance(space, TranslationSpace):
        return TranslationSupernet(space, seed=seed)
    return Supernet(space, seed=seed)  # type: ignore[arg-type]


class SharedTraining:
    """The supernet of a search, its training and its files.

    Args:
        space: the space of the search.
        supernet: a supernet of the space, not trained; None makes one when it is needed.
        optimizer: of the supernet; None is the default one.
        compile_arguments: loss and metrics.
        batch_size: where data are arrays.
        calibration_samples: training samples that statistics are estimated from.
        seed: of the initial weights and of the order of the data.
        strategy: `tf.distribute.Strategy`, or None.
        folder: where the files are.
    """

    def __init__(
        self,
        space: "SearchSpace",
        supernet: SharedWeights | None,
        optimizer: Any,
        compile_arguments: dict[str, Any],
        batch_size: int,
        calibration_samples: int,
        seed: int,
        strategy: Any,
        folder: str,
    ) -> None:
        self._space = space
        self._given = supernet
        self._optimizer = optimizer
        self._compile_arguments = compile_arguments
        self._batch_size = batch_size
        self._calibration_samples = calibration_samples
        self._seed = seed
        self._strategy = strategy
        self._folder = pathlib.Path(folder)
        self._supernet: SharedWeights | None = None
        self._known_store: SupernetStore | None = None

    @property
    def supernet(self) -> SharedWeights:
        """The supernet; of an earlier search its trained weights are read from the files."""
        if self._supernet is None:
            supernet = self._make(self._optimizer)
            if self._store(supernet).state() is not None:
                self._store(supernet).load(supernet)
            self._supernet = supernet
        return self._supernet

    def train(self, x: Any, y: Any, epochs: int, **fit_arguments: Any) -> None:
        """Trains the supernet, or waits until another process has.

        Args:
            x: training inputs of any kind.
            y: training targets, or None with a data set.
            epochs: number of epochs.
            **fit_arguments: further arguments of `fit`.

        Raises:
            ValueError: if an earlier training was one of another number of epochs.
        """
        optimizer = self._optimizer or optimizer_for(
            self._space, x, self._batch_size, epochs, fit_arguments["steps_per_epoch"]
        )
        supernet = self._make(optimizer)
        store = self._store(supernet)
        state = store.state()
        if state is not None and state["of"] != epochs:
            raise ValueError(
                f"`epochs` must be {state['of']} as when this search began: scores of trials can "
                f"only be compared on one supernet. Received: epochs={epochs}. Use another "
                "project_name, or overwrite=True."
            )
        with store.training_lock() as may_train:
            if may_train:
                # Written first: with the last checkpoint a search has all that its trials need.
                store.save_calibration(some_inputs(x, self._calibration_samples, self._seed))
                if supernet.trial_samples:
                    store.save_trial_samples(
                        *some_samples(x, y, supernet.trial_samples, self._seed)
                    )
                train(
                    supernet,
                    store,
                    x,
                    y,
                    epochs,
                    self._batch_size,
                    self._seed,
                    **fit_arguments,
                )
        if not may_train:
            store.load(supernet)
        self._supernet = supernet

    @contextlib.contextmanager
    def selected(self, architecture: Architecture) -> Iterator[SharedWeights]:
        """The supernet with an architecture ready to be evaluated or cut out.

        Raises:
            ValueError: if there was no training yet.
        """
        calibration = self._store(self.supernet).calibration()
        if calibration is None:
            raise ValueError(
                "The supernet of this project must have been trained first. Call `search`."
            )
        samples = self._store(self.supernet).trial_samples()
        with self.supernet.in_trial(architecture, samples):
            self.supernet.calibrate(calibration)
            yield self.supernet

    def _make(self, optimizer: Any) -> SharedWeights:
        scope = contextlib.nullcontext() if self._strategy is None else self._strategy.scope()
        with scope:
            supernet = self._given
            if supernet is None:
                keras.utils.set_random_seed(self._seed)
                supernet = make_supernet(self._space, self._seed)
            # Which optimizer it was does not matter for scores, its variables must fit.
            chosen = self._space.default_optimizer(1) if optimizer is None else optimizer
            supernet.compile(optimizer=chosen, **self._compile_arguments)
            # Here, where a distribution strategy is in force, and before a checkpoint is read.
            supernet.optimizer.build(supernet.trainable_variables)
            return supernet

    def _store(self, supernet: SharedWeights) -> SupernetStore:
        if self._known_store is None:
            config = supernet.get_config()
            signature = {name: config[name] for name in _SIGNATURE if name in config}
            signature["space"] = self._space.get_config()
            signature["backend"] = keras.backend.backend()
            self._known_store = SupernetStore(self._folder, signature)
        return self._known_store
