"""The convolution kernels of custom_ops/micro: what each takes, needs and reads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from keras_shiftadd.export._c import packing, packing_depthwise, packing_dsp, packing_grouped
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution


@dataclass(frozen=True, eq=False)
class Constants:
    """What the pointers of `ksa_conv_params` point at; None is a null pointer.

    Args:
        weights: Array of bytes, aligned to 4 in memory.
        bias: int32 array, or None.
        multiplier: int32 array, or None.
        shift: uint8 array, or None.
    """

    weights: np.ndarray
    bias: np.ndarray | None
    multiplier: np.ndarray | None
    shift: np.ndarray | None

    def items(self) -> list[tuple[str, np.ndarray]]:
        """Those that there are, by name."""
        arrays = vars(self)
        return [(name, array) for name, array in arrays.items() if array is not None]

    @property
    def size(self) -> int:
        """Bytes of flash."""
        return sum(array.nbytes for _, array in self.items())


@dataclass(frozen=True)
class Kernel:
    """A C function for convolutions.

    Args:
        name: Of the file without its ending, and of the function behind `ksa_`.
        description: How it works, in words.
        operators: Those that it computes.
        refuses: Says why it does not take a convolution, or None if it does.
        pack: Makes its constants from a convolution and the tensor that it reads.
        scratch_bytes: How much scratch memory it needs.
        pixels: How many output pixels it takes at a time, the last ones filled up.
        shared: Names of C files that it needs besides its own.
    """

    name: str
    description: str
    operators: frozenset[str]
    refuses: Callable[[Convolution], str | None]
    pack: Callable[[Convolution, Tensor], Constants]
    scratch_bytes: Callable[[Convolution], int]
    pixels: int = 1
    shared: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        """Name of the C function."""
        return f"ksa_{self.name}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the C files."""
        return (f"{self.name}.c", *self.shared)

    def takes(self, convolution: Convolution) -> bool:
        """Whether it computes a convolution."""
        return convolution.operator in self.operators and self.refuses(convolution) is None


def _all(convolution: Convolution) -> dict[str, np.ndarray]:
    multiplier, shift = packing.multipliers(convolution)
    return {"bias": convolution.bias, "multiplier": multiplier, "shift": shift}


def _pack_raw(convolution: Convolution, source: Tensor) -> Constants:
    return Constants(packing.raw(convolution.kernel), **_all(convolution))


def _pack_codes(convolution: Convolution, source: Tensor) -> Constants:
    return Constants(packing.codes(convolution.kernel), **_all(convolution))


def _pack_dsp(convolution: Convolution, source: Tensor) -> Constants:
    if convolution.operator == "adder":
        weights = packing_dsp.adder_blocks(convolution)
    else:
        weights = packing_dsp.conv_blocks(convolution, source.quantization.zero_point)
    if packing_dsp.fast_left_shift(convolution) is not None:
        return Constants(weights, None, None, None)
    return Constants(weights, **{**_all(convolution), "bias": None})


def _pack_grouped(convolution: Convolution, source: Tensor) -> Constants:
    zero = source.quantization.zero_point
    weights, bias = packing_grouped.grouped_lists(convolution, zero)
    return Constants(weights, **{**_all(convolution), "bias": bias})


def _pack_table(convolution: Convolution, source: Tensor) -> Constants:
    weights = packing.blocks(convolution.kernel, convolution.groups, flip=128)
    return Constants(weights, **_all(convolution))


def _pack_blocked(convolution: Convolution, source: Tensor) -> Constants:
    weights = packing.blocks(convolution.kernel, convolution.groups)
    bias = packing.bias_without_zero(convolution, source.quantization.zero_point)
    return Constants(weights, **{**_all(convolution), "bias": bias})


def _pack_depthwise(convolution: Convolution, source: Tensor, codes: bool) -> Constants:
    bias = packing.bias_without_zero(convolution, source.quantization.zero_point)
    weights = packing_depthwise.blocks(convolution, codes)
    if packing_dsp.fast_left_shift(convolution) is not None:
        return Constants(weights, bias, packing_dsp.fast_multipliers(convolution), None)
    return Constants(weights, **{**_all(convolution), "bias": bias})


def _takes_all(convolution: Convolution) -> None:
    return None


def _no_groups(convolution: Convolution) -> str | None:
    return None if convolution.groups == 1 else "it takes no groups"


def _no_scratch(convolution: Convolution) -> int:
    return 0


KERNELS: dict[str, Kernel] = {
    kernel.name: kernel
    for kernel in (
        Kernel(
            "conv",
            "products, straight from the image",
            frozenset({"conv", "shift"}),
            _takes_all,
            _pack_raw,
            _no_scratch,
        ),
        Kernel(
            "adder_conv",
            "absolute differences, straight from the image",
            frozenset({"adder"}),
            _takes_all,
            _pack_raw,
            _no_scratch,
        ),
        Kernel(
            "shift_conv",
            "shifts by 4-bit codes, straight from the image",
            frozenset({"shift"}),
            _takes_all,
            _pack_codes,
            _no_scratch,
        ),
        *(
            Kernel(
                f"{operator}_depthwise",
                f"{how}, four channels of a depthwise convolution",
                frozenset(operators),
                packing_depthwise.refuses,
                partial(_pack_depthwise, codes=operator == "shift"),
                packing_depthwise.scratch_bytes,
                shared=("gather.c",),
            )
            for operator, operators, how in (
                ("conv", ("conv", "shift"), "products"),
                ("adder", ("adder",), "absolute differences"),
                ("shift", ("shift",), "shifts"),
            )
        ),
        Kernel(
            "adder_conv_dsp",
            "USADA8, two pixels times four channels",
            frozenset({"adder"}),
            _no_groups,
            _pack_dsp,
            packing_dsp.scratch_bytes,
            pixels=2,
            shared=("gather.c",),
        ),
        Kernel(
            "conv_dsp",
            "SMLAD, two pixels times four channels",
            frozenset({"conv", "shift"}),
            _no_groups,
            _pack_dsp,
            packing_dsp.scratch_bytes,
            pixels=2,
            shared=("gather.c",),
        ),
        Kernel(
            "adder_conv_table",
            "a table of absolute differences, four pixels times four channels",
            frozenset({"adder"}),
            _takes_all,
            _pack_table,
            partial(packing.blocks_scratch_bytes, element_bytes=4),
            pixels=4,
            shared=("gather.c", "requantize_pixels.c"),
        ),
        Kernel(
            "conv_blocked",
            "products, four pixels times four channels",
            frozenset({"conv", "shift"}),
            _takes_all,
            _pack_blocked,
            partial(packing.blocks_scratch_bytes, element_bytes=1),
            pixels=4,
            shared=("gather.c", "requantize_pixels.c"),
        ),
        *(
            Kernel(
                f"shift_conv_grouped_{pixels}",
                f"lists of elements by exponent, {pixels} pixels",
                frozenset({"conv", "shift"}),
                packing_grouped.refuses,
                _pack_grouped,
                partial(packing_grouped.scratch_bytes, pixels=pixels),
                pixels=pixels,
                shared=("gather.c", "requantize_pixels.c"),
            )
            for pixels in (2, 4, 8)
        ),
    )
}


def _cmsis_nn_refuses(convolution: Convolution) -> str | None:
    if convolution.groups > 1:
        return "it takes no groups"
    double = convolution.requantization.rounding == "double"
    return None if double else "it rounds as TFLite does"


def _cmsis_nn_scratch_bytes(convolution: Convolution) -> int:
    rows, columns, channels, filters = convolution.kernel.shape
    return 4 * (filters + -(-rows * columns * channels // 4) * 4)


# On the user's own copy of CMSIS-NN; only where `to_c` is asked for it.
CMSIS_NN = Kernel(
    "cmsis_nn_conv",
    "CMSIS-NN",
    frozenset({"conv"}),
    _cmsis_nn_refuses,
    _pack_raw,
    _cmsis_nn_scratch_bytes,
    pixels=2,
)
