"""Steps of inner products, the bulk of what a network does."""

from dataclasses import dataclass, replace
from typing import Literal

from keras_shiftadd.cost._operations import Operations

Operator = Literal["conv", "shift", "adder"]
Accounting = Literal["fair", "paper"]

# What one step does. A convolution multiplies and accumulates; a shift layer shifts and
# accumulates; an adder layer subtracts (the absolute value drops a sign) and accumulates.
# "paper" leaves out the accumulation everywhere, as the papers on these networks do.
_STEP: dict[str, dict[str, Operations]] = {
    "fair": {
        "conv": Operations(multiply=1, add=1),
        "shift": Operations(shift=1, add=1),
        "adder": Operations(add=2),
    },
    "paper": {
        "conv": Operations(multiply=1),
        "shift": Operations(shift=1),
        "adder": Operations(add=1),
    },
}


def check_accounting(accounting: str) -> None:
    """Raises a ValueError unless `accounting` is a known one."""
    if accounting not in _STEP:
        raise ValueError(f"`accounting` must be 'fair' or 'paper'. Received: {accounting!r}")


@dataclass(frozen=True)
class Steps:
    """The steps of one inner product: one step takes one input value and one weight.

    Args:
        operator: `"conv"` (multiply and accumulate), `"shift"` or `"adder"`.
        count: number of steps, groups respected.
        ungrouped_count: number of steps if every output channel read every input channel; equal
            to `count` unless the layer is grouped or depthwise.
        weights: number of weights in the kernel.
        weight_bits: bits of one weight, or None where the weights have the word length of the
            whole network.
        inputs: number of activations that it reads.
        outputs: number of activations that it writes.
    """

    operator: Operator
    count: int
    ungrouped_count: int
    weights: int
    weight_bits: int | None = None
    inputs: int = 0
    outputs: int = 0

    def times(self, calls: int) -> "Steps":
        """The steps of several calls; the weights are the same ones."""
        return replace(
            self,
            count=calls * self.count,
            ungrouped_count=calls * self.ungrouped_count,
            inputs=calls * self.inputs,
            outputs=calls * self.outputs,
        )

    def operations(self, accounting: Accounting = "fair") -> Operations:
        """Operations of these steps.

        Args:
            accounting: `"fair"`: all that is done. `"paper"`: no accumulation, and grouped
                and depthwise layers charged as dense ones.

        Returns:
            `Operations`.

        Raises:
            ValueError: unknown accounting.
        """
        check_accounting(accounting)
        count = self.count if accounting == "fair" else self.ungrouped_count
        return count * _STEP[accounting][self.operator]
