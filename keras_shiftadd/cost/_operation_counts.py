"""What a model does at inference."""

from dataclasses import dataclass, replace

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._not_counted import NotCounted
from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._steps import Accounting, check_accounting


@dataclass(frozen=True)
class OperationCounts:
    """What a model does at inference, for one example, a row a layer.

    Args:
        model_name: name of the model.
        rows: one `LayerOperations` a layer, in the order of execution.
        not_counted: layers, or parts of layers, whose operations are in no row.
        input_elements: size of all inputs together.

    Example:

    >>> model = keras.Sequential([keras.Input((8,)), ksa.layers.ShiftDense(4)])
    >>> counts = ksa.cost.count_operations(model)
    >>> counts.operations
    Operations(multiply=0, add=36, shift=32)
    >>> counts.multiplicative_twin().operations
    Operations(multiply=32, add=36, shift=0)
    """

    model_name: str
    rows: tuple[LayerOperations, ...]
    not_counted: tuple[NotCounted, ...] = ()
    input_elements: int = 0

    @property
    def operations(self) -> Operations:
        """All operations that were counted."""
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
        return sum((row.charged_operations(accounting) for row in self.rows), NO_OPERATIONS)

    @property
    def live(self) -> int:
        """Most activations that are in memory at a time."""
        return max([self.input_elements, *(row.live for row in self.rows)])

    @property
    def parameters(self) -> int:
        """Number of parameters at inference."""
        return sum(row.parameters for row in self.rows)

    def size_bits(self, bits: int = 8) -> int:
        """Bits of all parameters, where the network's word length is `bits`."""
        return sum(row.size_bits(bits) for row in self.rows)

    def multiplicative_twin(self) -> "OperationCounts":
        """The same architecture with ordinary convolutions and dense layers."""
        return replace(self, rows=tuple(row.multiplicative_twin() for row in self.rows))
