"""Int8 networks of random numbers, layer by layer.

Scales are chosen from what a few random samples give, so that the outputs of every layer spread
over the range of int8, however deep the network is.
"""

import dataclasses
from typing import Any

import numpy as np

from keras_shiftadd.export._integer import operators as ops
from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.multipliers import finest_multiplier, multipliers
from keras_shiftadd.export._integer.reference import run_all
from keras_shiftadd.export._integer.softmax import OUTPUT, softmax_arguments
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.geometry import NO_PADS, same_pads

_SAMPLES = 4
_SPREAD = 45.0  # standard deviation that outputs are brought to


class NetworkBuilder:
    """Collects operators; each method adds one and returns the position of its output.

    Args:
        rng: Where the numbers come from.
        shape: Shape of the input.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
        self._rng = rng
        self._tensors = [Tensor("input", shape, self.quantization())]
        self._operators: list[Any] = []
        samples = (_SAMPLES, *shape)
        self._values = [rng.integers(-128, 128, samples).astype(np.int8)]

    def model(self, name: str = "network") -> IntegerModel:
        """The network so far; its output is the last tensor."""
        last = len(self._tensors) - 1
        return IntegerModel(name, tuple(self._tensors), tuple(self._operators), 0, last)

    def quantization(self) -> Quantization:
        """A random one."""
        scale = float(np.float32(self._rng.uniform(0.01, 0.2)))
        return Quantization(scale, int(self._rng.integers(-128, 128)))

    def convolution(
        self,
        source: int,
        operator: str,
        filters: int,
        size: tuple[int, int] = (3, 3),
        strides: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: str | tuple[tuple[int, int], tuple[int, int]] = "same",
        groups: int = 1,
        activation: str = "relu",
        rounding: str | None = None,
    ) -> int:
        """A convolution, or a dense layer behind a vector."""
        tensor = self._tensors[source]
        dense = len(tensor.shape) == 1
        image = (1, 1, *tensor.shape) if dense else tensor.shape
        if dense:
            size, padding = (1, 1), "valid"
        channels = image[-1] // groups
        kernel = self._kernel(operator, (*size, channels, filters))
        pads = _pads(image, size, strides, dilation, padding)
        x = self._values[source].reshape(_SAMPLES, *image[-3:])
        zero = tensor.quantization.zero_point
        sums = convolution_sums(operator, x, kernel, zero, groups, strides, dilation, pads)
        output = self.quantization()
        if activation != "linear":
            output = dataclasses.replace(output, zero_point=-128)
        factors = _SPREAD / (sums.std(axis=(0, 1, 2)) + 1.0)
        bias = -np.rint(sums.mean(axis=(0, 1, 2))).astype(np.int32)
        bias += np.rint(self._rng.normal(size=filters) * 0.3 * sums.std()).astype(np.int32)
        rounding = rounding or ("double" if operator == "conv" else "single")
        low, high = derived_integers.activation_limits(output, activation)
        scales = (factors * output.scale / tensor.quantization.scale).astype(np.float32)
        if rounding == "double":
            numbers = derived_integers.convolution(tensor.quantization, scales, output, activation)
        else:
            signs = self._rng.choice([-1, 1], size=filters) if operator == "adder" else 1
            multiplier, shift = multipliers(factors * signs, finest_multiplier)
            numbers = ops.Requantization(multiplier, shift, output.zero_point, "single", low, high)
        if operator == "adder":
            scales = np.full(filters, tensor.quantization.scale)
        shape = sums.shape[1:] if not dense else (filters,)
        made = ops.Convolution(
            self._name(operator), operator, (source,), len(self._tensors), kernel, bias, numbers,
            np.asarray(scales, np.float64), groups, strides, dilation, pads,
        )  # fmt: skip
        return self._append(made, shape, output)

    def pooling(
        self,
        source: int,
        kind: str,
        size: tuple[int, int] = (2, 2),
        strides: tuple[int, int] = (2, 2),
        padding: str = "valid",
    ) -> int:
        """A pooling layer."""
        tensor = self._tensors[source]
        pads = _pads(tensor.shape, size, strides, (1, 1), padding)
        shape = output_size(tensor.shape[:2], size, strides, (1, 1), pads)
        made = ops.Pooling(
            self._name(kind), kind, (source,), len(self._tensors), size, strides, pads
        )
        return self._append(made, (*shape, tensor.shape[-1]), tensor.quantization)

    def mean(self, source: int) -> int:
        """The average over all positions."""
        tensor = self._tensors[source]
        # Averages vary less than what is averaged.
        scale = float(np.float32(tensor.quantization.scale * 0.3))
        output = Quantization(scale, self._center(source, tensor.quantization.scale / scale))
        count = int(np.prod(tensor.shape[:-1]))
        numbers = derived_integers.mean(tensor.quantization, output, count)
        made = ops.Mean(self._name("mean"), (source,), len(self._tensors), numbers)
        return self._append(made, tensor.shape[-1:], output)

    def add(
        self, first: int, second: int, subtract: bool = False, activation: str = "linear"
    ) -> int:
        """The sum or the difference of two tensors."""
        a, b = self._tensors[first], self._tensors[second]
        scale = 1.3 * max(a.quantization.scale, b.quantization.scale)
        output = Quantization(float(np.float32(scale)), int(self._rng.integers(-60, 60)))
        if activation != "linear":
            output = dataclasses.replace(output, zero_point=-128)
        numbers = derived_integers.add(a.quantization, b.quantization, output, activation)
        made = ops.Add(
            self._name("add"), (first, second), len(self._tensors), numbers.left_shift,
            numbers.input_multipliers, numbers.input_shifts, numbers.requantization, subtract,
        )  # fmt: skip
        return self._append(made, a.shape, output)

    def multiply(self, first: int, second: int) -> int:
        """The product of two tensors, the second of which may be a gate for each channel."""
        a, b = self._tensors[first], self._tensors[second]
        scale = 90 * a.quantization.scale * b.quantization.scale
        output = Quantization(float(np.float32(scale)), int(self._rng.integers(-60, 60)))
        numbers = derived_integers.multiply(a.quantization, b.quantization, output, "linear")
        made = ops.Multiply(self._name("multiply"), (first, second), len(self._tensors), numbers)
        return self._append(made, a.shape, output)

    def lookup(self, source: int, function: str = "sigmoid") -> int:
        """A function of one number; of `"requantize"` and `"relu"` with the runtimes' table."""
        tensor, output = self._tensors[source], self.quantization()
        if function in ("requantize", "relu"):
            scale = float(np.float32(tensor.quantization.scale * self._rng.uniform(0.7, 2.0)))
            output = Quantization(scale, output.zero_point)
            table = derived_integers.requantize_table(tensor.quantization, output, function)
        else:
            table = self._rng.integers(-128, 128, 256).astype(np.int8)
        made = ops.Lookup(self._name(function), function, (source,), len(self._tensors), table)
        return self._append(made, tensor.shape, output)

    def softmax(self, source: int) -> int:
        """Softmax over the last axis."""
        tensor = self._tensors[source]
        made = ops.Softmax(
            self._name("softmax"), (source,), len(self._tensors),
            *softmax_arguments(tensor.quantization.scale),
        )  # fmt: skip
        return self._append(made, tensor.shape, OUTPUT)

    def reshape(self, source: int, shape: tuple[int, ...]) -> int:
        """The same bytes in another shape."""
        made = ops.Reshape(self._name("reshape"), (source,), len(self._tensors))
        return self._append(made, shape, self._tensors[source].quantization)

    def pad(self, source: int, pads: tuple[tuple[int, int], tuple[int, int]]) -> int:
        """Rows and columns of the zero point."""
        tensor = self._tensors[source]
        made = ops.Pad(self._name("pad"), (source,), len(self._tensors), pads)
        sizes = [n + sum(pair) for n, pair in zip(tensor.shape[:2], pads, strict=True)]
        return self._append(made, (*sizes, tensor.shape[-1]), tensor.quantization)

    def concatenate(self, *sources: int) -> int:
        """Tensors of one quantisation, joined along the channels."""
        first = self._tensors[sources[0]]
        channels = sum(self._tensors[index].shape[-1] for index in sources)
        made = ops.Concatenate(self._name("concatenate"), sources, len(self._tensors))
        return self._append(made, (*first.shape[:-1], channels), first.quantization)

    def _kernel(self, operator: str, shape: tuple[int, ...]) -> np.ndarray:
        if operator != "shift":
            return self._rng.integers(-127, 128, shape).astype(np.int8)
        exponents = self._rng.integers(0, 7, shape)
        signs = self._rng.integers(-1, 2, shape)
        return (signs * 2**exponents).astype(np.int8)

    def _center(self, source: int, factor: float) -> int:
        values = self._values[source].astype(np.float64)
        zero = self._tensors[source].quantization.zero_point
        return int(np.clip(np.rint(-(values.mean() - zero) * factor), -128, 127))

    def _name(self, kind: str) -> str:
        return f"{kind}_{len(self._operators)}"

    def _append(self, operator: Any, shape: tuple[int, ...], quantization: Quantization) -> int:
        shape = tuple(int(size) for size in shape)
        self._tensors.append(Tensor(f"{operator.name}_output", shape, quantization))
        self._operators.append(operator)
        self._values = run_all(self.model(), self._values[0])
        return operator.output


def convolution_model(
    rng: np.random.Generator, operator: str, shape: tuple[int, ...], filters: int, **arguments: Any
) -> IntegerModel:
    """A network of one convolution or dense layer."""
    builder = NetworkBuilder(rng, shape)
    builder.convolution(0, operator, filters, **arguments)
    return builder.model(f"one_{operator}")


def random_inputs(rng: np.random.Generator, model: IntegerModel, count: int) -> np.ndarray:
    """int8 samples for a network."""
    shape = (count, *model.tensors[model.input].shape)
    return rng.integers(-128, 128, shape).astype(np.int8)


def assert_equal_models(received: IntegerModel, expected: IntegerModel) -> None:
    """All numbers of two networks are equal."""
    assert received.tensors == expected.tensors
    assert (received.input, received.output) == (expected.input, expected.output)
    assert len(received.operators) == len(expected.operators)
    for a, b in zip(received.operators, expected.operators, strict=True):
        assert_equal_values(a, b, type(b).__name__)


def assert_equal_values(received: Any, expected: Any, what: str) -> None:
    """Two operators, or parts of them, are equal."""
    assert type(received) is type(expected), what
    if dataclasses.is_dataclass(expected):
        for field in dataclasses.fields(expected):
            assert_equal_values(
                getattr(received, field.name), getattr(expected, field.name),
                f"{what}.{field.name}",
            )  # fmt: skip
    elif isinstance(expected, np.ndarray):
        assert received.dtype == expected.dtype, what
        # One number may be held with or without an axis.
        shape = () if expected.size == 1 else expected.shape
        np.testing.assert_array_equal(received.reshape(shape), expected.reshape(shape), what)
    else:
        assert received == expected, what


def _pads(
    image: tuple[int, ...],
    size: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
    padding: str | tuple[tuple[int, int], tuple[int, int]],
) -> tuple[tuple[int, int], tuple[int, int]]:
    if not isinstance(padding, str):
        return padding
    return same_pads(image[-3:], size, strides, dilation) if padding == "same" else NO_PADS
