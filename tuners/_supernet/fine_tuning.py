"""The training of a trial: a tiny network of a supernet inside a wide one, for some steps."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.tuners._supernet.functions import map_rows
from keras_shiftadd.tuners._supernet.selective_optimizer import selective

if TYPE_CHECKING:
    from keras_shiftadd.tuners.augmentation_supernet import AugmentationSupernet


class FineTuning(keras.Model):
    """The selected tiny network and its wide one; a compiled step serves all of them.

    Args:
        supernet: the supernet, whose weights it moves.
    """

    def __init__(self, supernet: "AugmentationSupernet") -> None:
        super().__init__(name="fine_tuning")
        self.supernet = supernet
        self.built = True

    def prepare(self, loss: Any) -> None:
        """Compiles; the optimiser is the same in all trials."""
        steps, rate = self.supernet.fine_tuning_steps, self.supernet.fine_tuning_rate
        schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
        optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
        self.compile(optimizer=selective(optimizer), loss=loss)
        self.optimizer.build(self.trainable_variables)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Logits of the tiny network and of the wide one, by the statistics of the batch."""
        supernet = self.supernet
        codes = ops.expand_dims(ops.convert_to_tensor(supernet._choice), 0)
        tiny = map_rows(supernet._logits, codes, (x, supernet._kernels()))
        wide = supernet.wide_logits(x, ops.convert_to_tensor(supernet._wide_choice))
        return ops.concatenate([tiny, ops.expand_dims(wide, 0)])

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the tiny network, plus the weighted one of the wide network."""
        tiny, wide = (
            super(FineTuning, self).compute_loss(x, y, part, sample_weight, training)
            for part in (y_pred[0], y_pred[1])
        )
        return tiny + self.supernet.space.loss_weight * wide

    def run(self, x: np.ndarray, y: np.ndarray) -> None:
        """Trains for an epoch over some samples, in their order."""
        for variable in self.optimizer.variables:
            variable.assign(ops.zeros_like(ops.convert_to_tensor(variable)))
        size = self.supernet.fine_tuning_batch_size
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            self.train_on_batch(x[rows], y[rows])
