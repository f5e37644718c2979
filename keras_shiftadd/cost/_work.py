"""What a counting rule says about one call of a layer."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Steps


class Output(Enum):
    """Where a layer puts its output."""

    NEW = "a buffer of its own"
    MERGE = "over an input of the same size that nobody reads afterwards"
    FOLD = "over its input, on the way of the values to memory"
    VIEW = "nowhere: the same values under another shape"


class Phase(NamedTuple):
    """What one call keeps in memory at a time, besides what others keep."""

    inputs: bool = True
    inner: int = 0
    output: bool = True


@dataclass(frozen=True)
class Work:
    """What a counting rule says about one call of a layer.

    Args:
        steps: steps of the inner products.
        elementwise: all other operations.
        missing: parts that are not counted, in words.
        twin_steps: steps of the multiplicative layer that it stands in for.
        parameters: parameters at inference, or None where Keras' own count is right.
        output: where the output goes.
        phases: what a call keeps in memory, one phase after the other.
        twin_phases: the same for the multiplicative layer that it stands in for.
    """

    steps: tuple[Steps, ...] = ()
    elementwise: Operations = NO_OPERATIONS
    missing: tuple[str, ...] = ()
    twin_steps: tuple[Steps, ...] | None = None
    parameters: int | None = None
    output: Output = Output.NEW
    phases: tuple[Phase, ...] = (Phase(),)
    twin_phases: tuple[Phase, ...] | None = None

    def times(self, calls: int) -> "Work":
        """The work of several such calls; the weights are the same ones."""
        twin = None
        if self.twin_steps is not None:
            twin = tuple(part.times(calls) for part in self.twin_steps)
        return replace(
            self,
            steps=tuple(part.times(calls) for part in self.steps),
            elementwise=calls * self.elementwise,
            twin_steps=twin,
        )


class CannotCount(Exception):
    """Raised by a rule that cannot count this layer; the message says why."""
