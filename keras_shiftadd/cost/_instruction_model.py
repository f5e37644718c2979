"""Executed instructions of a processor."""

from dataclasses import dataclass

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._steps import Operator


@dataclass(frozen=True)
class KernelInstructions:
    """Instructions of the kernels of one operator.

    Args:
        step: instructions a step of the inner product.
        output: instructions an output besides: gathering its patch, requantising and storing it.

    Example:

    >>> KernelInstructions(step=0.5, output=10).count(steps=144, outputs=1)
    82.0
    """

    step: float
    output: float

    @classmethod
    def fitted(cls, spatial: float, pointwise: float, factor: float = 1.0) -> "KernelInstructions":
        """The line through two measured kernels that write 8192 outputs each.

        Args:
            spatial: instructions of the 3x3 kernel, 16x16x16 to 16x16x32: 144 steps an output.
            pointwise: instructions of the 1x1 kernel, 16x16x32 to 16x16x32: 32 steps an output.
            factor: what both are multiplied by.

        Returns:
            `KernelInstructions`.
        """
        outputs, steps, fewer_steps = 16 * 16 * 32, 9 * 16, 32
        step = (spatial - pointwise) / outputs / (steps - fewer_steps)
        return cls(factor * step, factor * (pointwise / outputs - fewer_steps * step))

    def count(self, steps: int, outputs: int) -> float:
        """Instructions of a layer."""
        return self.step * steps + self.output * outputs


@dataclass(frozen=True)
class InstructionModel:
    """Executed instructions of each kind of work.

    A layer with inner products costs what its kernels do; bias, activation and requantisation are
    in their figure. Batch normalisation, activations and other operations that fold into the
    layer before them cost nothing. The other layers (pooling, addition of tensors) cost so much
    an elementary operation, and so much an element that they write.

    Args:
        conv: kernels of convolutions and dense layers.
        shift: kernels of shift layers.
        adder: kernels of adder layers.
        add: an addition or comparison of two elements.
        multiply: a multiplication of two elements.
        element: requantising and storing an element.
        copy: moving an element unchanged.
    """

    conv: KernelInstructions
    shift: KernelInstructions
    adder: KernelInstructions
    add: float
    multiply: float
    element: float
    copy: float

    def kernels(self, operator: Operator) -> KernelInstructions:
        """The figures of an operator."""
        return {"conv": self.conv, "shift": self.shift, "adder": self.adder}[operator]

    def count(self, row: LayerOperations) -> float:
        """Instructions of a layer."""
        if row.steps:
            parts = (self.kernels(p.operator).count(p.count, p.outputs) for p in row.steps)
            return sum(parts)
        if not row.moved.total:
            return 0.0
        work = row.elementwise
        if not work.total:
            return self.copy * row.moved.written
        operations = self.add * (work.add + work.shift) + self.multiply * work.multiply
        return operations + self.element * row.moved.written
