"""What one layer does at inference."""

from dataclasses import dataclass, replace

from keras_shiftadd.cost._moved import NOTHING_MOVED, Moved
from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Accounting, Steps, check_accounting


@dataclass(frozen=True)
class LayerOperations:
    """What one layer does at inference, for one example.

    Args:
        name: name of the layer; inside a nested model, the path to it (`"block/conv"`).
        class_name: class of the layer.
        output_shape: shape of its (first) output without the batch dimension.
        steps: steps of its inner products; empty for a layer that has none.
        elementwise: all other operations: bias, activation, normalisation, pooling, ...
        other_parameters: parameters outside the kernels of `steps`: biases, normalisation.
        calls: how often the model calls the layer. Operations are those of all calls.
        counted: False where no rule knows the layer: its operations are then unknown, and read 0.
        twin_steps: steps of the multiplicative Keras layer that this layer stands in for, or None
            where the layer is an ordinary one.
        moved: activations that a layer without inner products reads and writes; 0 for what is
            done on the way of the values to memory, and for views.
        live: activations in memory while the layer runs, those that wait for later layers
            included.
        twin_live: the same for the multiplicative Keras layer, or None where it is equal.
    """

    name: str
    class_name: str
    output_shape: tuple[int, ...]
    steps: tuple[Steps, ...] = ()
    elementwise: Operations = NO_OPERATIONS
    other_parameters: int = 0
    calls: int = 1
    counted: bool = True
    twin_steps: tuple[Steps, ...] | None = None
    moved: Moved = NOTHING_MOVED
    live: int = 0
    twin_live: int | None = None

    @property
    def operator(self) -> str | None:
        """`"conv"`, `"shift"`, `"adder"`, `"shift+adder"`, or None without inner products."""
        return "+".join(dict.fromkeys(step.operator for step in self.steps)) or None

    @property
    def operations(self) -> Operations:
        """All operations that the layer does."""
        return self.charged_operations("fair")

    def charged_operations(self, accounting: Accounting = "fair") -> Operations:
        """Operations that an accounting charges for.

        Args:
            accounting: `"fair"` (all that is done) or `"paper"`.

        Returns:
            `Operations`.

        Raises:
            ValueError: unknown accounting.
        """
        check_accounting(accounting)
        return sum((step.operations(accounting) for step in self.steps), self.elementwise)

    @property
    def parameters(self) -> int:
        """Number of parameters at inference."""
        return self.other_parameters + sum(step.weights for step in self.steps)

    def weight_bits(self, bits: int = 8) -> tuple[int, ...]:
        """Bits of one parameter, each width once, where the network's word length is `bits`."""
        if not self.steps:
            return (bits,) if self.other_parameters else ()
        kernels = [step for step in self.steps if step.weights]
        return tuple(dict.fromkeys(step.weight_bits or bits for step in kernels))

    def size_bits(self, bits: int = 8) -> int:
        """Bits of all parameters, where the network's word length is `bits`."""
        kernels = sum(step.weights * (step.weight_bits or bits) for step in self.steps)
        return kernels + self.other_parameters * bits

    def multiplicative_twin(self) -> "LayerOperations":
        """The same row for the multiplicative Keras layer that the layer stands in for."""
        if self.twin_steps is None:
            return self
        live = self.live if self.twin_live is None else self.twin_live
        return replace(self, steps=self.twin_steps, twin_steps=None, live=live, twin_live=None)
