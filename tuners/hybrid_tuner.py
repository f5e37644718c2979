"""HybridTuner."""

import os
from typing import TYPE_CHECKING, Any

import keras
import keras_tuner

from keras_shiftadd.callbacks import recalibrate_batch_normalization
from keras_shiftadd.callbacks._samples import some_inputs
from keras_shiftadd.ops._numbers import plain, positive
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.data import fit_data
from keras_shiftadd.tuners._supernet.shared_weights import SharedWeights
from keras_shiftadd.tuners._supernet.training import decay_kernels_only, optimizer_for
from keras_shiftadd.tuners._tuner.arguments import check_search_data
from keras_shiftadd.tuners._tuner.shared_training import SharedTraining
from keras_shiftadd.tuners._workers import roles
from keras_shiftadd.tuners._workers.loop import WorkerLoop
from keras_shiftadd.tuners.augmentation_space import AugmentationSpace
from keras_shiftadd.tuners.augmentation_supernet import AugmentationSupernet
from keras_shiftadd.tuners.hybrid_oracle import HybridOracle
from keras_shiftadd.tuners.hybrid_space import HybridSpace
from keras_shiftadd.tuners.translation_space import TranslationSpace

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget


class HybridTuner(WorkerLoop, keras_tuner.Tuner):
    """Searches a space: trains a supernet once, then scores trials with its weights.

    A trial takes no training, unless the space is an `AugmentationSpace`: then it takes some steps,
    see `AugmentationSupernet`. Its sub-network is selected in the supernet, the statistics of its
    BatchNormalization layers are estimated anew from some training samples, and it is evaluated
    on the validation data.

    Results are read as from every KerasTuner `Tuner`: `get_best_models`,
    `get_best_hyperparameters`, `results_summary`. A search that was killed goes on where it was,
    in the training of the supernet (from its last epoch) as in the trials. With a chief and
    workers one of them trains the supernet and the others wait for it; they share `directory`.

    Args:
        space: `HybridSpace`, `AugmentationSpace` or `TranslationSpace`.
        objective: Name of a metric or `keras_tuner.Objective`, such as `"val_accuracy"`.
        budget: `keras_shiftadd.cost.Budget`; no trial exceeds it. `None` allows everything.
        max_trials: Integer, number of architectures to score.
        oracle: An oracle in place of `HybridOracle(space, objective, budget, max_trials=...,
            seed=...)`: a `HybridOracle` with other options, or any of KerasTuner over
            `space.hyperparameters()`, which knows no budget.
        supernet: A `Supernet` of this space, not trained, in place of `Supernet(space,
            seed=seed)`; with an `AugmentationSpace` an `AugmentationSupernet`, with a
            `TranslationSpace` a `TranslationSupernet`.
        optimizer: Optimizer of the supernet; `None` is the `default_optimizer` of the space: SGD
            with Nesterov momentum 0.9, weight decay 1e-4 and a cosine schedule from 0.1, or Adam
            with a `TranslationSpace`. Weights that no sub-network of a step uses
            are left alone whatever the optimizer.
        loss: Loss; `None` is sparse categorical cross-entropy from logits.
        metrics: Metrics; `None` is accuracy.
        batch_size: Integer, batch size where data are arrays.
        calibration_samples: Integer, training samples that statistics are estimated from.
        seed: Integer, seed of the initial weights, of the order of the data and of the search.
        tensorboard: Boolean, whether the scores and costs of trials are written for TensorBoard,
            into the folder `tensorboard` of the project.
        distribution_strategy: `tf.distribute.Strategy` for the supernet. On JAX set
            `keras.distribution.set_distribution` instead.
        directory: Path of the folder of all projects.
        project_name: Name of the folder of this search.
        overwrite: Boolean, whether to delete an earlier search of this name instead of going on
            with it.
        tuner_id: String, name of this process among others; KerasTuner sets it.
        chief_timeout: Float, seconds that a worker waits for a chief that is away.

    Raises:
        ValueError: If an argument is out of its range, no architecture is within the budget, or
            the project was made for another space or budget.

    Example:

    ```python no-run
    space = ksa.tuners.HybridSpace(input_shape=(32, 32, 3), num_classes=10)
    tuner = ksa.tuners.HybridTuner(
        space,
        budget=ksa.cost.Budget(energy_uj=12.0),
        directory="runs", project_name="cifar10",
    )
    tuner.search(x, y, validation_data=(x_val, y_val), epochs=30)
    architecture = tuner.best_architectures()[0]
    model = tuner.retrain(architecture, x, y, epochs=100)
    ```

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.
    """

    def __init__(
        self,
        space: HybridSpace | TranslationSpace,
        objective: Any = "val_accuracy",
        budget: "Budget | None" = None,
        max_trials: int = 200,
        oracle: keras_tuner.Oracle | None = None,
        supernet: SharedWeights | None = None,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        batch_size: int = 64,
        calibration_samples: int = 1024,
        seed: int = 0,
        tensorboard: bool = False,
        distribution_strategy: Any = None,
        directory: str | os.PathLike[str] | None = None,
        project_name: str | None = None,
        overwrite: bool = False,
        tuner_id: str | None = None,
        chief_timeout: float = 600.0,
    ) -> None:
        if not isinstance(space, HybridSpace | TranslationSpace):
            raise ValueError(
                "`space` must be a HybridSpace, an AugmentationSpace or a TranslationSpace. "
                f"Received: {space!r}"
            )
        if oracle is not None and budget is not None:
            raise ValueError(
                "`budget` must be given to the oracle where there is one of your own. Received: "
                f"oracle={oracle!r} and budget={budget!r}"
            )
        if supernet is not None and supernet.space.get_config() != space.get_config():
            raise ValueError("`supernet` must be one of the same space. Received another one's.")
        if isinstance(space, AugmentationSpace) and not isinstance(
            supernet, AugmentationSupernet | None
        ):
            raise ValueError(
                "`supernet` must be an AugmentationSupernet where `space` is an AugmentationSpace: "
                f"in others factors make no difference. Received: {supernet!r}"
            )
        self.space = space
        self.batch_size = positive(batch_size, "batch_size")
        self.calibration_samples = positive(calibration_samples, "calibration_samples")
        self.seed = plain(seed)
        self._compile_arguments = {
            "loss": loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            "metrics": ["accuracy"] if metrics is None else metrics,
        }
        self._tensorboard = tensorboard
        if oracle is None:
            oracle = HybridOracle(space, objective, budget, max_trials=max_trials, seed=self.seed)
        super().__init__(
            oracle,
            distribution_strategy=distribution_strategy,
            directory=None if directory is None else os.fspath(directory),
            project_name=project_name,
            overwrite=overwrite,
            tuner_id=tuner_id,
            chief_timeout=chief_timeout,
        )
        self._shared = SharedTraining(
            space,
            supernet,
            optimizer,
            self._compile_arguments,
            self.batch_size,
            self.calibration_samples,
            self.seed,
            distribution_strategy,
            os.path.join(self.project_dir, "supernet"),
        )

    @property
    def supernet(self) -> SharedWeights:
        """The supernet; of an earlier search its trained weights are read from the project."""
        return self._shared.supernet

    def search(
        self,
        x: Any = None,
        y: Any = None,
        validation_data: Any = None,
        epochs: int = 30,
        sample_weight: Any = None,
        steps_per_epoch: int | None = None,
        class_weight: Any = None,
        callbacks: Any = None,
        verbose: Any = "auto",
    ) -> None:
        """Trains the supernet, then scores trials.

        Args:
            x: Training inputs: array or tensor, or a tuple of them where networks have several
                inputs, or a data set of batches `(x, y)`: `tf.data`,
                `keras.utils.PyDataset`, PyTorch `DataLoader`. The order of a data set is its own
                business; that of arrays is the same after a restart.
            y: Training targets, integer classes by default; `None` with a data set.
            validation_data: Tuple `(x, y)`, or a data set, which trials are scored on. Keep a
                test set apart: the search chooses by these samples.
            epochs: Integer, epochs of the supernet.
            sample_weight: Array of weights of the samples; with arrays only.
            steps_per_epoch: Integer, where a data set does not know its length.
            class_weight: Dictionary, see `keras.Model.fit`.
            callbacks: Callbacks of the training of the supernet.
            verbose: As in `fit`; 0 also keeps trials quiet.

        Raises:
            ValueError: If data are missing or do not fit, or the supernet of this project was
                trained for another number of epochs.
        """
        if roles.is_chief():
            super().search(verbose=verbose)
            return
        epochs = positive(epochs, "epochs")
        check_search_data(self.space, x, y, validation_data)
        self.wait_for_chief()
        self._shared.train(
            x,
            y,
            epochs,
            sample_weight=sample_weight,
            steps_per_epoch=steps_per_epoch,
            class_weight=class_weight,
            callbacks=callbacks,
            verbose=verbose,
        )
        super().search(validation_data, verbose=verbose)

    def run_trial(self, trial: Any, validation_data: Any = None, **kwargs: Any) -> dict[str, float]:
        """Scores a trial.

        Args:
            trial: `keras_tuner.engine.trial.Trial`.
            validation_data: As in `search`.
            **kwargs: Nothing.

        Returns:
            Metrics on the validation data; their names begin with `val_`.
        """
        architecture = self.space.architecture(trial.hyperparameters)
        return self.score(architecture, validation_data)

    def score(self, architecture: Architecture, validation_data: Any) -> dict[str, float]:
        """Evaluates an architecture with the weights of the supernet.

        Args:
            architecture: An architecture of the space.
            validation_data: Tuple `(x, y)`, or a data set.

        Returns:
            Metrics; their names begin with `val_`.
        """
        arrays = isinstance(validation_data, list | tuple)
        data = (
            dict(zip(("x", "y", "sample_weight"), validation_data, strict=False))
            if arrays
            else {"x": validation_data}
        )
        if arrays:
            data["batch_size"] = max(self.batch_size, 256)
        with self._shared.selected(architecture) as supernet:
            found = supernet.evaluate(**data, return_dict=True, verbose=0)
        return {f"val_{name}": float(value) for name, value in found.items()}

    def on_trial_end(self, trial: Any) -> None:
        """Reports a trial.

        Args:
            trial: `keras_tuner.engine.trial.Trial`.
        """
        super().on_trial_end(trial)
        if self._tensorboard:
            from keras_shiftadd.tuners._tensorboard import write_trial

            write_trial(self, trial)

    # Results.

    def best_architectures(self, num_architectures: int = 1) -> list[Architecture]:
        """The architectures of the best trials.

        Args:
            num_architectures: Integer, at most how many.

        Returns:
            A list of architectures, the best one first.
        """
        trials = self.oracle.get_best_trials(num_architectures)
        return [self.space.architecture(trial.hyperparameters) for trial in trials]

    def history(self) -> list[dict[str, Any]]:
        """All trials; see `HybridOracle.history`."""
        return self._hybrid_oracle("history").history()

    def pareto_front(self, cost_name: str | None = None) -> list[dict[str, Any]]:
        """Trials that none other beats in score and cost; see `HybridOracle.pareto_front`."""
        return self._hybrid_oracle("pareto_front").pareto_front(cost_name)

    def _hybrid_oracle(self, method: str) -> HybridOracle:
        if not isinstance(self._own_oracle, HybridOracle):
            raise TypeError(
                f"`{method}` needs a HybridOracle, which knows costs. Received: "
                f"{self._own_oracle!r}"
            )
        return self._own_oracle

    def load_model(self, trial: Any) -> keras.Model:
        """The network of a trial with the weights of the supernet.

        Args:
            trial: `keras_tuner.engine.trial.Trial`.

        Returns:
            A compiled functional `keras.Model`.
        """
        return self.cut_out(self.space.architecture(trial.hyperparameters))

    def cut_out(self, architecture: Architecture) -> keras.Model:
        """The network of an architecture with the weights of the supernet.

        Args:
            architecture: An architecture of the space.

        Returns:
            A compiled functional `keras.Model`.
        """
        with self._shared.selected(architecture) as supernet:
            model = supernet.cut_out()
        model.compile(optimizer="sgd", **self._compile_arguments)
        return model

    def retrain(
        self,
        architecture: Architecture,
        x: Any,
        y: Any = None,
        validation_data: Any = None,
        epochs: int = 30,
        inherit: bool = True,
        optimizer: Any = None,
        sample_weight: Any = None,
        steps_per_epoch: int | None = None,
        callbacks: Any = None,
        seed: int | None = None,
        verbose: Any = "auto",
    ) -> keras.Model:
        """Trains the network of an architecture on its own.

        At the end the statistics of BatchNormalization are estimated anew from
        `calibration_samples` training samples: moving averages of adder networks lag behind.

        Args:
            architecture: An architecture of the space.
            x: Training inputs, as in `search`.
            y: Training targets, as in `search`.
            validation_data: As in `fit`, or `None`.
            epochs: Integer, number of epochs.
            inherit: Boolean, whether training starts from the weights of the supernet or from
                initial ones.
            optimizer: Optimizer; `None` is the same kind as the supernet's, over these epochs.
            sample_weight: Array, or `None`.
            steps_per_epoch: Integer, where a data set does not know its length.
            callbacks: Callbacks of `fit`. With an `AugmentationSpace` training has a
                `HybridAugmentation` with the wide network of the architecture, unless one of
                your own is among them.
            seed: Integer, seed of initial weights and the order of arrays; `None` is the tuner's.
            verbose: As in `fit`.

        Returns:
            The trained, compiled `keras.Model`; what `fit` returned is its `history`.
        """
        seed = self.seed if seed is None else seed
        keras.utils.set_random_seed(seed)
        model = self.cut_out(architecture) if inherit else self.space.build(architecture)
        if optimizer is None:
            optimizer = optimizer_for(self.space, x, self.batch_size, epochs, steps_per_epoch)
            decay_kernels_only(optimizer, model)
        model.compile(optimizer=optimizer, **self._compile_arguments)
        model.fit(
            **fit_data(x, y, self.batch_size, seed, sample_weight=sample_weight),
            validation_data=validation_data,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            callbacks=self._with_training_callbacks(architecture, callbacks),
            verbose=verbose,
        )
        recalibrate_batch_normalization(model, some_inputs(x, self.calibration_samples, seed))
        return model

    def _with_training_callbacks(self, architecture: Architecture, callbacks: Any) -> Any:
        """The user's callbacks, after those of the space that the user has none of."""
        own = self.space.training_callbacks(architecture)
        if not own:
            return callbacks
        given = getattr(callbacks, "callbacks", callbacks) or []
        given = list(given) if isinstance(given, list | tuple) else [given]
        return [o for o in own if not any(isinstance(g, type(o)) for g in given)] + given
