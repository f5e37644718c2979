"""Executed instructions of a processor."""

import math
from dataclasses import dataclass

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._steps import Operator


@dataclass(frozen=True)
class KernelInstructions:
    """Instructions of the kernels of one operator.

    Args:
        step: instructions a step of the inner product.
        gather: instructions an element of a window, once for all filters: copying it to where the
            inner loop reads it.
        output: instructions an output besides: requantising and storing it.
        pixels: output pixels that are computed at a time; the last ones are filled up.

    Example:

    >>> KernelInstructions(step=0.5, gather=2, output=10).count(steps=288, outputs=2, weights=288)
    452.0
    """

    step: float
    gather: float = 0.0
    output: float = 0.0
    pixels: int = 1

    def count(self, steps: int, outputs: int, weights: int = 0) -> float:
        """Instructions of a layer.

        Args:
            steps: steps of its inner products.
            outputs: elements that it writes.
            weights: elements of its kernel; 0 where it has none, as a product of two tensors.
        """
        elements, filled = 0.0, 1.0
        if weights and outputs:
            pixels = steps / weights
            filled = math.ceil(pixels / self.pixels) * self.pixels / pixels
            elements = pixels * steps / outputs
        return filled * (self.step * steps + self.gather * elements) + self.output * outputs


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
        depthwise_conv: kernels of convolutions with groups.
        depthwise_shift: kernels of shift layers with groups.
        depthwise_adder: kernels of adder layers with groups.
        add: an addition or comparison of two elements.
        multiply: a multiplication of two elements.
        element: requantising and storing an element.
        copy: moving an element unchanged.
    """

    conv: KernelInstructions
    shift: KernelInstructions
    adder: KernelInstructions
    depthwise_conv: KernelInstructions
    depthwise_shift: KernelInstructions
    depthwise_adder: KernelInstructions
    add: float
    multiply: float
    element: float
    copy: float

    def kernels(self, operator: Operator, depthwise: bool = False) -> KernelInstructions:
        """The figures of an operator."""
        if depthwise:
            return {
                "conv": self.depthwise_conv,
                "shift": self.depthwise_shift,
                "adder": self.depthwise_adder,
            }[operator]
        return {"conv": self.conv, "shift": self.shift, "adder": self.adder}[operator]

    def count(self, row: LayerOperations) -> float:
        """Instructions of a layer."""
        if row.steps:
            return sum(
                self.kernels(p.operator, p.ungrouped_count > p.count).count(
                    p.count, p.outputs, p.weights
                )
                for p in row.steps
            )
        if not row.moved.total:
            return 0.0
        work = row.elementwise
        if not work.total:
            return self.copy * row.moved.written
        operations = self.add * (work.add + work.shift) + self.multiply * work.multiply
        return operations + self.element * row.moved.written
