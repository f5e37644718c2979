"""Reads the convolutions of a file, builtin and custom."""

from dataclasses import dataclass

import numpy as np

from keras_shiftadd.export._c.packing import from_codes
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution, Pair, Requantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.constants import (
    activation,
    constant,
    kernel_scales,
    option,
    padding,
    pair,
    refuse,
)
from keras_shiftadd.export._tflite.custom_options import (
    CONVOLUTIONS,
    ConvolutionOptions,
    check_codes,
)
from keras_shiftadd.export._tflite.file_graph import FileOperator
from keras_shiftadd.export._tflite.geometry import NO_PADS, image_shape, same_pads

_CUSTOM = "CUSTOM:"


@dataclass(frozen=True)
class Place:
    """Where an operator stands in a network.

    Args:
        name: Of the operator.
        inputs: Positions of the tensors that it reads.
        output: Position of the tensor that it makes.
        sources: The tensors that it reads.
        result: The tensor that it makes.
    """

    name: str
    inputs: tuple[int, ...]
    output: int
    sources: tuple[Tensor, ...]
    result: Tensor


def read_custom_convolution(operator: FileOperator, place: Place) -> Convolution:
    """A custom convolution.

    Raises:
        ValueError: If its parts do not fit together.
    """
    source, result = place.sources[0], place.result
    options = ConvolutionOptions.unpack(operator.custom_options)
    kind, _ = CONVOLUTIONS[operator.name.removeprefix(_CUSTOM)]
    zeros = (source.quantization.zero_point, result.quantization.zero_point)
    stated = (options.operator, options.numbers[:2], options.input_size, options.output_size)
    found = (kind, zeros, image_shape(source.shape), image_shape(result.shape))
    groups = options.groups
    if stated != found or len(operator.inputs) != 5 or groups < 1 or source.shape[-1] % groups:
        raise refuse(operator, f"its options must be those of its tensors, {found}", f"{options}")
    filters = result.shape[-1]
    shape = (filters, *options.kernel_size, source.shape[-1] // groups)
    if kind == "shift":
        stored = (filters, (int(np.prod(shape[1:], dtype=np.int64)) + 1) // 2)
        codes = check_codes(constant(operator, 1, "UINT8", stored), shape)
        kernel = from_codes(codes, (*shape[1:], filters))
    else:
        kernel = np.ascontiguousarray(np.moveaxis(constant(operator, 1, "INT8", shape), 0, 3))
    scales = np.array([source.quantization.scale])
    if kind != "adder":
        scales = kernel_scales(operator, operator.given(1), filters)
    numbers = Requantization(
        constant(operator, 3, "INT32", (filters,)),
        constant(operator, 4, "UINT8", (filters,)).astype(np.int32),
        options.numbers[1],
        options.rounding,
        options.numbers[2],
        options.numbers[3],
    )
    return Convolution(
        place.name,
        kind,
        (place.inputs[0],),
        place.output,
        kernel,
        constant(operator, 2, "INT32", (filters,)),
        numbers,
        np.broadcast_to(scales, (filters,)).copy(),
        groups,
        options.strides,
        options.dilation,
        options.pads,
    )


def read_builtin_convolution(
    operator: FileOperator, place: Place, pads: tuple[Pair, Pair] | None
) -> Convolution:
    """A CONV_2D or a DEPTHWISE_CONV_2D.

    Args:
        operator: The operator of the file.
        place: Its place; the input is that of the PAD before it, where there is one.
        pads: What that PAD adds.

    Raises:
        ValueError: If its parts do not fit together.
    """
    source, result = place.sources[0], place.result
    channels, filters = source.shape[-1], result.shape[-1]
    kernel = constant(operator, 1, "INT8")
    if kernel.ndim != 4:
        raise refuse(operator, "its kernel must have four axes", f"shape {kernel.shape}")
    if operator.name == "DEPTHWISE_CONV_2D":
        groups = channels
        fits = kernel.shape[0] == 1 and filters % channels == 0
        multiplier = option(operator, "depthMultiplier")
        fits = fits and multiplier * channels == filters == kernel.shape[3]
        kernel = kernel.reshape(*kernel.shape[1:3], 1, kernel.shape[3])
    else:
        groups = max(channels // kernel.shape[3], 1)
        fits = kernel.shape[0] == filters
        kernel = np.ascontiguousarray(np.moveaxis(kernel, 0, 3))
    if not fits:
        raise refuse(
            operator,
            f"its kernel must be one of {channels} channels and {filters} filters",
            f"shape {operator.given(1).shape}",
        )
    strides = pair(operator, "strideH", "strideW")
    dilation = pair(operator, "dilationHFactor", "dilationWFactor")
    size = (kernel.shape[0], kernel.shape[1])
    name = padding(operator)
    if min(*strides, *dilation) < 1:
        raise refuse(operator, "strides and dilation must be 1 or more", f"{strides}, {dilation}")
    if pads is None:
        image = image_shape(source.shape)
        pads = NO_PADS if name == "valid" else same_pads(image, size, strides, dilation)
    elif name != "valid":
        raise refuse(operator, 'its padding must be "valid" behind a PAD', name)
    scales = kernel_scales(operator, operator.given(1), filters)
    scales = np.broadcast_to(scales, (filters,)).copy()
    numbers = derived_integers.convolution(
        source.quantization, scales, result.quantization, activation(operator)
    )
    return Convolution(
        place.name,
        "conv",
        (place.inputs[0],),
        place.output,
        kernel,
        _bias(operator, filters),
        numbers,
        scales,
        groups,
        strides,
        dilation,
        pads,
    )


def read_fully_connected(operator: FileOperator, place: Place) -> Convolution:
    """A FULLY_CONNECTED.

    Raises:
        ValueError: If its parts do not fit together.
    """
    source, result = place.sources[0], place.result
    features, filters = source.shape[-1], result.shape[-1]
    kernel = constant(operator, 1, "INT8", (filters, features))
    if option(operator, "weightsFormat") != 0:
        raise refuse(operator, "its kernel must have the usual layout", "a shuffled one")
    scales = kernel_scales(operator, operator.given(1), filters)
    fused = activation(operator)
    if len(scales) == 1:
        numbers = derived_integers.fully_connected(
            source.quantization, float(scales[0]), filters, result.quantization, fused
        )
    else:
        numbers = derived_integers.convolution(
            source.quantization, scales, result.quantization, fused
        )
    return Convolution(
        place.name,
        "conv",
        (place.inputs[0],),
        place.output,
        np.ascontiguousarray(kernel.T).reshape(1, 1, features, filters),
        _bias(operator, filters),
        numbers,
        np.broadcast_to(scales, (filters,)).copy(),
    )


def _bias(operator: FileOperator, filters: int) -> np.ndarray:
    if len(operator.inputs) < 3 or operator.inputs[2] is None:
        return np.zeros(filters, np.int32)
    return constant(operator, 2, "INT32", (filters,))
