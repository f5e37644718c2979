"""The int8 network under construction."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_shiftadd.export._errors import UnsupportedLayerError
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.multipliers import tflite_multiplier
from keras_shiftadd.export._integer.operators import Lookup, Operator, Pair, Reshape
from keras_shiftadd.export._integer.reference import apply
from keras_shiftadd.export._integer.requantize import multiply
from keras_shiftadd.export._model.graph import Node
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._quantize.observations import Observations
from keras_shiftadd.export._quantize.options import Options
from keras_shiftadd.export._quantize.tensors import TensorQuantizations


@dataclass(frozen=True)
class ClampedWeights:
    """How many weights of an adder layer lie beyond the range of its input.

    Args:
        name: Of the layer.
        share: Of the weights that were moved to the edge of the range, 0 to 1.
        inputs: Share of the calibrated inputs that are saturated, 0 to 1.
    """

    name: str
    share: float
    inputs: float


class Builder:
    """Adds operators, and knows the tensor of every node so far and its integers on some samples.

    Args:
        quantizations: What the integers of each node stand for.
        observations: What was measured.
        options: How the model is quantised.
    """

    def __init__(
        self, quantizations: TensorQuantizations, observations: Observations, options: Options
    ) -> None:
        self.quantizations = quantizations
        self.observations = observations
        self.options = options
        self.clamped: list[ClampedWeights] = []
        self._tensors: list[Tensor] = []
        self._values: list[np.ndarray] = []
        self._operators: list[Operator] = []
        self._of: dict[Node, int] = {}
        self._padded: dict[Node, tuple[int, tuple[Pair, Pair]]] = {}
        self._copies: dict[tuple[int, Quantization], int] = {}
        self._reshaped: dict[tuple[int, tuple[int, ...]], int] = {}
        self._names: set[str] = set()

    def start(self, node: Node) -> None:
        """Adds the input."""
        quantization = self.quantizations.of(node)
        index = self._tensor("input", natural_shape(node), quantization)
        samples = quantization.quantize(self.observations.samples)
        self._values.append(samples.reshape(len(samples), *self._tensors[index].shape))
        self._of[node] = index

    def finish(self, name: str, output: Node) -> IntegerModel:
        """The network."""
        return IntegerModel(name, tuple(self._tensors), tuple(self._operators), 0, self._of[output])

    def put(self, node: Node, index: int) -> None:
        """Says which tensor holds a node's output."""
        self._of[node] = self.reshape(index, natural_shape(node))

    def get(self, node: Node) -> int:
        """The tensor of a node."""
        return self._of[node]

    def image(self, node: Node) -> int:
        """The tensor of a node as an image; a vector has one position."""
        index = self._of[node]
        shape = self.tensor(index).shape
        return index if len(shape) == 3 else self.reshape(index, (1, 1, *shape))

    def put_padding(self, node: Node, index: int, pads: tuple[Pair, Pair]) -> None:
        """Says that a node's output is a tensor with padding, which its readers add."""
        self._padded[node] = index, pads

    def before_padding(self, node: Node) -> tuple[int, tuple[Pair, Pair]]:
        """The image of a node, and what its reader must pad it with."""
        if node in self._padded:
            return self._padded[node]
        return self.image(node), ((0, 0), (0, 0))

    def tensor(self, index: int) -> Tensor:
        """A tensor by its position."""
        return self._tensors[index]

    def values(self, index: int) -> np.ndarray:
        """The integers of a tensor on the first samples of the calibration."""
        return self._values[index]

    def add(
        self,
        name: str,
        shape: tuple[int, ...],
        quantization: Quantization,
        make: Callable[[int], Operator],
    ) -> int:
        """Adds an operator and the tensor that it makes.

        Args:
            name: Of the tensor.
            shape: Of the tensor.
            quantization: Of the tensor.
            make: The operator, from the position of the tensor.
        """
        index = self._tensor(name, shape, quantization)
        operator = make(index)
        self._operators.append(operator)
        inputs = [self._values[source] for source in operator.inputs]
        tensors = [self._tensors[source] for source in operator.inputs]
        y = apply(operator, inputs, tensors, self._tensors[index])
        self._values.append(y.reshape(len(y), *shape))
        return index

    def reshape(self, index: int, shape: tuple[int, ...]) -> int:
        """The same bytes in another shape."""
        tensor = self._tensors[index]
        if tensor.shape == shape:
            return index
        key = index, shape
        if key not in self._reshaped:
            name = f"{tensor.name}_reshaped"
            self._reshaped[key] = self.add(
                name, shape, tensor.quantization, lambda out: Reshape(name, (index,), out)
            )
        return self._reshaped[key]

    def lookup(
        self,
        name: str,
        function: str,
        index: int,
        quantization: Quantization,
        compute: Callable[[np.ndarray], np.ndarray],
    ) -> int:
        """A function of a tensor.

        Args:
            name: Of the layer.
            function: Name of the function.
            index: The tensor that is read.
            quantization: Of the result.
            compute: The function of all real numbers that int8 may stand for, rounded to nearest.
        """
        source = self._tensors[index]
        every = np.arange(-128, 128, dtype=np.float64)
        real = source.quantization.scale * (every - source.quantization.zero_point)
        integers = np.floor(compute(real) / quantization.scale + 0.5) + quantization.zero_point
        return self.table(name, function, index, quantization, np.clip(integers, -128, 127))

    def table(
        self,
        name: str,
        function: str,
        index: int,
        quantization: Quantization,
        integers: np.ndarray,
    ) -> int:
        """A table of the results for -128 to 127."""
        table = integers.astype(np.int8)
        return self.add(
            name,
            self._tensors[index].shape,
            quantization,
            lambda out: Lookup(name, function, (index,), out, table),
        )

    def requantize(self, index: int, quantization: Quantization) -> int:
        """The same tensor in another quantisation."""
        source = self._tensors[index]
        if source.quantization == quantization:
            return index
        key = index, quantization
        if key not in self._copies:
            name = f"{source.name}_requantized"
            integers = rescaled(source.quantization, quantization)
            self._copies[key] = self.table(name, "requantize", index, quantization, integers)
        return self._copies[key]

    def _tensor(self, name: str, shape: tuple[int, ...], quantization: Quantization) -> int:
        unique, count = name, 1
        while unique in self._names:
            count += 1
            unique = f"{name}_{count}"
        self._names.add(unique)
        self._tensors.append(Tensor(unique, tuple(shape), quantization))
        return len(self._tensors) - 1


def rescaled(source: Quantization, target: Quantization, slope: float | None = None) -> np.ndarray:
    """-128 to 127 in another quantisation, rounded as TFLite's QUANTIZE does.

    Args:
        source: What they stand for.
        target: What the results stand for.
        slope: Factor of the numbers. With one, even with 1.0, the factor from scale to scale is
            taken in float32, as RELU and LEAKY_RELU do.
    """
    factor = source.scale / target.scale
    if slope is not None:
        factor = float(np.float32(source.scale) * np.float32(slope) / np.float32(target.scale))
    multiplier, shift = tflite_multiplier(factor)
    every = np.arange(-128, 128) - source.zero_point
    scaled = multiply(every, np.array(multiplier), np.array(shift), "double")
    return np.clip(scaled + target.zero_point, -128, 127)


def natural_shape(node: Node) -> tuple[int, ...]:
    """The shape of a node's tensor: a vector, or an image of one or more rows."""
    if len(node.shape) == 2:
        return (1, *node.shape)
    if len(node.shape) > 3:
        raise unsupported(node.layer, f"its output has {len(node.shape)} axes; at most 3 are known")
    return node.shape


def unsupported(layer: Any, reason: str) -> UnsupportedLayerError:
    """The error for a layer that an int8 network cannot hold."""
    return UnsupportedLayerError(
        f"Layer '{getattr(layer, 'name', 'input')}' ({type(layer).__name__}) cannot be quantised: "
        f"{reason}."
    )
