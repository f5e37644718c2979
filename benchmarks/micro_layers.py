"""The layers that `benchmarks/micro.py` runs, and their int8 forms."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import Convolution, Requantization
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._quantization import Quantization


@dataclass(frozen=True)
class Layer:
    """The shape of a convolution.

    Args:
        size: Rows and columns of the image.
        window: Rows and columns.
        channels: Of the image.
        filters: Output channels.
        options: `groups`, `strides` and `pads` of the `Convolution`.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    channels: int
    filters: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def depthwise(self) -> bool:
        """Whether each channel is a group."""
        return self.options.get("groups", 1) > 1


_SAME = {"pads": ((1, 1), (1, 1))}
_SAME_EVEN = {"pads": ((0, 1), (0, 1)), "strides": (2, 2)}
LAYERS = {
    "3x3": Layer((16, 16), (3, 3), 16, 32, _SAME),
    "1x1": Layer((16, 16), (1, 1), 32, 32),
    "3x3, 8x8x64": Layer((8, 8), (3, 3), 64, 64, _SAME),
    "3x3, 32x32x16": Layer((32, 32), (3, 3), 16, 16, _SAME),
    "1x1, 8x8x64": Layer((8, 8), (1, 1), 64, 64),
    "3x3, stride 2": Layer((16, 16), (3, 3), 16, 32, _SAME_EVEN),
    "3x3, first layer": Layer((32, 32), (3, 3), 3, 16, _SAME),
    "3x3, odd channels": Layer((15, 15), (3, 3), 13, 19, _SAME),
    "dense": Layer((1, 1), (1, 1), 256, 64),
    "depthwise": Layer((16, 16), (3, 3), 32, 32, {**_SAME, "groups": 32}),
    "depthwise, stride 2": Layer((16, 16), (3, 3), 32, 32, {**_SAME_EVEN, "groups": 32}),
}


def describe(name: str) -> str:
    """A layer in words."""
    layer = LAYERS[name]
    rows, columns = layer.size
    kind = f"{layer.window[0]}x{layer.window[1]}" + (" depthwise" if layer.depthwise else "")
    stride = f", stride {layer.options['strides'][0]}" if "strides" in layer.options else ""
    shape = f"{rows}x{columns}x{layer.channels} to {layer.filters} channels"
    return f"{kind}, {shape}{stride}: {multiplications(name):,} steps"


def outputs(name: str) -> int:
    """Output elements of a layer."""
    layer = LAYERS[name]
    options = {"strides": (1, 1), "pads": ((0, 0), (0, 0)), **layer.options}
    rows, columns = output_size(
        layer.size, layer.window, options["strides"], (1, 1), options["pads"]
    )
    return rows * columns * layer.filters


def multiplications(name: str) -> int:
    """Steps of the inner products of a layer."""
    layer = LAYERS[name]
    channels = layer.channels // layer.options.get("groups", 1)
    return outputs(name) * layer.window[0] * layer.window[1] * channels


def network(name: str, operator: str, rounding: str) -> IntegerModel:
    """A layer as an int8 network, with random weights.

    Args:
        name: In `LAYERS`.
        operator: "conv", "shift" or "adder". Shift weights have all exponents equally often and
            no zeros, for which lists by exponent are shortest and most.
        rounding: "double", that of TFLite; "single", with a shift of 32; or "power of two".
    """
    layer = LAYERS[name]
    rng = np.random.default_rng(0)
    shape = (*layer.window, layer.channels // layer.options.get("groups", 1), layer.filters)
    window = int(np.prod(shape[:-1]))
    kernel = rng.integers(-127, 128, shape)
    if operator == "shift":
        kernel = rng.choice([-1, 1], shape) * 2 ** rng.integers(0, 7, shape)
    # Sums of random bytes: their spread, and the mean of those of an adder.
    spread = 60.0 * window if operator == "adder" else 74 * kernel.std() * np.sqrt(window)
    bias = np.full(layer.filters, 85 * window if operator == "adder" else 0)
    out = output_size(
        layer.size,
        layer.window,
        layer.options.get("strides", (1, 1)),
        (1, 1),
        layer.options.get("pads", ((0, 0), (0, 0))),
    )
    convolution = Convolution(
        name="layer",
        operator=operator,  # type: ignore[arg-type]
        inputs=(0,),
        output=1,
        kernel=kernel.astype(np.int8),
        bias=bias.astype(np.int32),
        requantization=_requantization(rng, rounding, 64 / spread, layer.filters),
        kernel_scale=np.ones(layer.filters),
        **layer.options,
    )
    tensors = (
        Tensor("x", (*layer.size, layer.channels), Quantization(1.0, 5)),
        Tensor("y", (*out, layer.filters), Quantization(1.0, 3)),
    )
    return IntegerModel("network", tensors, (convolution,), 0, 1)


def _requantization(
    rng: np.random.Generator, rounding: str, factor: float, filters: int
) -> Requantization:
    factors = factor * rng.uniform(0.7, 1.0, filters)
    if rounding == "single":
        multiplier, shift = np.round(factors * 2.0**32), np.full(filters, 32)
    else:
        shift = 31 - np.frexp(factors)[1]
        multiplier = np.minimum(np.round(factors * 2.0**shift), 2.0**31 - 1)
    made = Requantization(multiplier.astype(np.int32), shift.astype(np.int32), 3)
    if rounding == "double":
        return dataclasses.replace(made, rounding="double")
    if rounding == "power of two":
        return dataclasses.replace(made, multiplier=np.full(filters, 2**30, np.int32))
    return made
