"""ConstantSparsity."""

from dataclasses import dataclass

from keras_shiftadd.compression._schedule_arguments import check_sparsity, check_steps


@dataclass(frozen=True)
class ConstantSparsity:
    """The same sparsity from a step of the training on.

    Args:
        target_sparsity: Part of each kernel that is to be zero, from 0 to below 1.
        begin_step: Step of the optimiser at which pruning begins.
        end_step: Step after which what is zero stays so; -1 for the end of the training.
        frequency: Steps between two choices of what is zero.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> schedule = keras_shiftadd.compression.ConstantSparsity(0.5, begin_step=0, frequency=10)
    """

    target_sparsity: float
    begin_step: int
    end_step: int = -1
    frequency: int = 100

    def __post_init__(self) -> None:
        check_sparsity(self.target_sparsity, "target_sparsity")
        check_steps(self.begin_step, self.end_step, self.frequency, may_be_open=True)
