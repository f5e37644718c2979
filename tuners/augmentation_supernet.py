"""AugmentationSupernet."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.ops._numbers import positive
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.encoding import encode_plans
from keras_shiftadd.tuners._supernet.fine_tuning import FineTuning
from keras_shiftadd.tuners._supernet.wide_block import WideBlock
from keras_shiftadd.tuners.augmentation_space import AugmentationSpace
from keras_shiftadd.tuners.supernet import Supernet


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class AugmentationSupernet(Supernet):
    """All tiny networks of an `AugmentationSpace` and all wide ones, on one set of weights.

    The tiny networks are the sub-networks of a `Supernet`. Around them stand convolutions: the
    kernels of the tiny networks with extra rows and columns, of which a wide network uses as many
    as its factors say. In a training step a random wide network is trained beside the tiny ones,
    with `loss_weight` of the space. What is evaluated, calibrated and cut out is a tiny network.

    With the weights of that training alone the factors would make no difference: a tiny network
    predicts the same inside any wide one. So a trial goes on for a moment: see `in_trial`.

    Args:
        space: `AugmentationSpace`.
        fine_tuning_steps: Integer, training steps of a trial.
        fine_tuning_batch_size: Integer, samples of such a step.
        fine_tuning_rate: Number above 0, the learning rate that a trial starts with.
        **kwargs: Arguments of `Supernet`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> tiny = keras_shiftadd.tuners.HybridSpace((32, 32, 3), 10, operators=("shift", "adder"))
    >>> space = keras_shiftadd.tuners.AugmentationSpace(tiny, width_multiples=(2.2, 3.2))
    >>> supernet = keras_shiftadd.tuners.AugmentationSupernet(space, random_networks=1)

    Reference:
        - [Guo et al., 2024, ShiftAddAug](https://arxiv.org/abs/2407.02881)
    """

    space: AugmentationSpace

    def __init__(
        self,
        space: AugmentationSpace,
        fine_tuning_steps: int = 20,
        fine_tuning_batch_size: int = 64,
        fine_tuning_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        if not isinstance(space, AugmentationSpace):
            raise ValueError(f"`space` must be an AugmentationSpace. Received: {space!r}")
        if not 0 < fine_tuning_rate < float("inf"):
            raise ValueError(
                f"`fine_tuning_rate` must be a number above 0. Received: {fine_tuning_rate!r}"
            )
        self.fine_tuning_steps = positive(fine_tuning_steps, "fine_tuning_steps")
        self.fine_tuning_batch_size = positive(fine_tuning_batch_size, "fine_tuning_batch_size")
        self.fine_tuning_rate = float(fine_tuning_rate)
        super().__init__(space, **kwargs)

    @property
    def trial_samples(self) -> int:
        """Training samples that a trial sees."""
        return self.fine_tuning_steps * self.fine_tuning_batch_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates all weights."""
        if self.built:
            return
        space = self.space
        in_width, blocks = space.stem_width, iter(self.blocks)
        wide_blocks = []
        for stage, depths in enumerate(space.depths):
            for _ in range(depths[-1]):
                block = WideBlock(next(blocks), space, stage, in_width)
                in_width = block.width
                wide_blocks.append(block)
        self.wide_blocks = wide_blocks
        super().build(input_shape)
        for block in wide_blocks:
            block.build()
        self.extra_classifier = self.add_weight(
            name="extra_classifier",
            shape=(in_width, space.num_classes),
            initializer="glorot_uniform",
            autocast=False,
        )
        rng = random.Random(f"{self.seed} wide")
        codes = [self._wide_code(space.sample(rng)) for _ in range(self.table_rows)]
        self._wide_table = self._state("wide_table", np.shape(codes), "int32")
        self._wide_table.assign(np.stack(codes))
        self._wide_choice = self._state("wide_choice", codes[0].shape, "int32")
        fine_tuning = FineTuning(self)
        # In a function, because Keras would track an attribute: it holds the supernet.
        self._fine_tuning = lambda: fine_tuning

    def _wide_code(self, architecture: Architecture) -> np.ndarray:
        space = self.space
        plans = space.wide_plan(architecture)
        return encode_plans(space, architecture, plans, ("conv",))

    def compile(self, optimizer: Any = "sgd", loss: Any = None, **kwargs: Any) -> None:
        """Configures training, and that of trials with the same loss; see `Supernet.compile`."""
        super().compile(optimizer, loss, **kwargs)
        self._fine_tuning().prepare(loss)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Logits of the selected tiny network; in training those of a step, the wide one last."""
        logits = super().call(x, training)
        if not training:
            return logits
        wide = self.wide_logits(x, self._rows(self._wide_table, 1)[0])
        return ops.concatenate([logits, ops.expand_dims(wide, 0)])

    def wide_logits(self, x: Any, codes: Any) -> Any:
        """Logits of a wide network in training.

        Args:
            x: Tensor `(batch, *space.input_shape)`.
            codes: Its integers, a row a block.

        Returns:
            Tensor `(batch, space.num_classes)`.
        """
        x, _ = self.stem.call(ops.cast(x, self.compute_dtype), None)
        for i, block in enumerate(self.wide_blocks):
            x = block(x, codes[i])
        x = ops.mean(x, axis=(1, 2))
        kernel = ops.convert_to_tensor(self.classifier.kernel)
        extra = ops.convert_to_tensor(self.extra_classifier)[kernel.shape[0] :]
        kernel = ops.cast(ops.concatenate([kernel, extra]), x.dtype)
        return ops.matmul(x, kernel) + ops.cast(self.classifier.bias, x.dtype)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of all tiny networks of a step and the wide one, or of the selected one."""
        if len(y_pred.shape) == 2:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        tiny = super().compute_loss(x, y, y_pred[:-1], sample_weight, training)
        wide = super().compute_loss(x, y, y_pred[-1], sample_weight, training)
        return tiny + self.space.loss_weight * wide

    @contextlib.contextmanager
    def in_trial(self, architecture: Architecture, samples: Any = None) -> Iterator[None]:
        """Selects an architecture, and trains it inside its wide network for some steps.

        After that the tiny network can be calibrated, evaluated and cut out. In the end all
        weights are those that they were before. All architectures begin with the same weights and
        see the same batches, so that what differs are they.

        Args:
            architecture: An architecture of the space.
            samples: Tuple `(x, y)` of arrays, batch by batch: `trial_samples` training samples.

        Raises:
            ValueError: If there are no samples.
        """
        if samples is None:
            raise ValueError("`samples` must be a tuple (x, y) of training samples. Received: None")
        before = [np.array(ops.convert_to_numpy(v)) for v in self.trainable_variables]
        self.select(architecture)
        self._wide_choice.assign(self._wide_code(architecture))
        try:
            self._fine_tuning().run(*samples)
            yield
        finally:
            for variable, value in zip(self.trainable_variables, before, strict=True):
                variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this supernet."""
        return {
            **super().get_config(),
            "fine_tuning_steps": self.fine_tuning_steps,
            "fine_tuning_batch_size": self.fine_tuning_batch_size,
            "fine_tuning_rate": self.fine_tuning_rate,
        }
