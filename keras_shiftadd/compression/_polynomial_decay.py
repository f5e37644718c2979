"""PolynomialDecay."""

from dataclasses import dataclass

from keras_shiftadd.compression._schedule_arguments import check_sparsity, check_steps


@dataclass(frozen=True)
class PolynomialDecay:
    """A sparsity that grows quickly first, then ever more slowly.

    `final + (initial - final) * (1 - (step - begin) / (end - begin)) ** power`.

    Args:
        initial_sparsity: Part of each kernel that is zero at first, from 0 to below 1.
        final_sparsity: Part that is zero at last, from 0 to below 1.
        begin_step: Step of the optimiser at which pruning begins.
        end_step: Step at which the final sparsity is reached. Steps of training after it let the
            other weights recover.
        power: Exponent of the decay.
        frequency: Steps between two choices of what is zero.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> schedule = keras_shiftadd.compression.PolynomialDecay(
    ...     initial_sparsity=0.0, final_sparsity=0.75, begin_step=0, end_step=400, frequency=20)

    Reference:
        - [Zhu and Gupta, 2017](https://arxiv.org/abs/1710.01878), equation 1.
    """

    initial_sparsity: float
    final_sparsity: float
    begin_step: int
    end_step: int
    power: float = 3
    frequency: int = 100

    def __post_init__(self) -> None:
        check_sparsity(self.initial_sparsity, "initial_sparsity")
        check_sparsity(self.final_sparsity, "final_sparsity")
        check_steps(self.begin_step, self.end_step, self.frequency, may_be_open=False)
