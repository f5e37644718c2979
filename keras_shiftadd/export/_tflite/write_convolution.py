"""Writes the convolutions of an int8 network, builtin where the format can express them."""

from collections.abc import Callable

import numpy as np

from keras_shiftadd.export._c.packing import codes
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import Convolution, Requantization
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.custom_options import (
    ConvolutionOptions,
    convolution_name,
)
from keras_shiftadd.export._tflite.flatbuffer import FlatModel
from keras_shiftadd.export._tflite.geometry import image_shape, padding_name


def write_convolution(
    flat: FlatModel, model: IntegerModel, operator: Convolution, indices: list[int]
) -> tuple[int, int]:
    """Adds a convolution.

    A multiplicative one is a builtin operator if its integers are those that the runtimes derive
    from the scales; everything else is a custom operator.

    Args:
        flat: The file.
        model: The network.
        operator: The convolution.
        indices: The file's index of each tensor of the network.

    Returns:
        How many operators that only prepare stand before it and behind it.
    """
    source, output = model.tensors[operator.inputs[0]], model.tensors[operator.output]
    activation = _activation(operator, output)
    if activation is not None:
        scales = operator.kernel_scale.astype(np.float32)
        arguments = (source.quantization, scales, output.quantization, activation)
        if len(source.shape) == 1 and _is_fully_connected(operator, *arguments):
            _write_dense(flat, operator, source, indices, activation)
            return 0, 0
        if _derivable(operator, lambda: derived_integers.convolution(*arguments)):
            return _write_builtin(flat, operator, source, output, indices, activation)
    _write_custom(flat, operator, source, output, indices)
    return 0, 0


def form_of(operator: Convolution, source: Tensor) -> str:
    """Which of the three forms of the format a convolution has."""
    if len(source.shape) == 1:
        return "FULLY_CONNECTED"
    if 1 < operator.groups == source.shape[-1]:
        return "DEPTHWISE_CONV_2D"
    return "CONV_2D"


def _activation(operator: Convolution, output: Tensor) -> str | None:
    """The fused activation that a builtin operator needs, or None where there is none."""
    numbers = operator.requantization
    if operator.operator != "conv" or numbers.rounding != "double":
        return None
    return derived_integers.activation_of(output.quantization, numbers.low, numbers.high)


def _is_fully_connected(
    operator: Convolution,
    source: Quantization,
    scales: np.ndarray,
    output: Quantization,
    activation: str,
) -> bool:
    """Whether it is a FULLY_CONNECTED with one scale.

    With several, LiteRT's reference kernels scale in floating point: other bits.
    """
    if operator.groups > 1 or not np.all(scales == scales[0]):
        return False
    return _derivable(
        operator,
        lambda: derived_integers.fully_connected(
            source, float(scales[0]), len(scales), output, activation
        ),
    )


def _derivable(operator: Convolution, derive: Callable[[], Requantization]) -> bool:
    """Whether the runtimes derive these integers."""
    scales = operator.kernel_scale
    if not np.all((scales > 0) & (scales <= np.finfo(np.float32).max)):
        return False
    try:
        return derived_integers.equal(derive(), operator.requantization)
    except ValueError:
        return False


def _write_dense(
    flat: FlatModel, operator: Convolution, source: Tensor, indices: list[int], activation: str
) -> None:
    scale = operator.kernel_scale[:1].astype(np.float32)
    kernel = np.ascontiguousarray(operator.kernel[0, 0].T)
    weights = flat.array(f"{operator.name}/kernel", kernel, Quantization(float(scale[0]), 0))
    bias_scale = Quantization(float(scale[0] * np.float32(source.quantization.scale)), 0)
    bias = flat.array(f"{operator.name}/bias", operator.bias, bias_scale)
    inputs = [indices[operator.inputs[0]], weights, bias]
    fused = flat.fused(activation)
    flat.operator(
        "FULLY_CONNECTED", inputs, indices[operator.output], fusedActivationFunction=fused
    )


def _write_builtin(
    flat: FlatModel,
    operator: Convolution,
    source: Tensor,
    output: Tensor,
    indices: list[int],
    activation: str,
) -> tuple[int, int]:
    value, result = indices[operator.inputs[0]], indices[operator.output]
    before, dense = 0, len(source.shape) == 1
    image, size = image_shape(source.shape), operator.kernel.shape[:2]
    padding = padding_name(image, size, operator.strides, operator.dilation, operator.pads)
    if dense:
        pixel = flat.tensor(f"{operator.name}/pixel", (1, *image), source.quantization)
        flat.reshape(value, pixel, (1, *image))
        value, before = pixel, 1
        shape = (1, *image_shape(output.shape))
        result = flat.tensor(f"{operator.name}/pixel_output", shape, output.quantization)
    if padding is None:
        value, padding, before = _pad(flat, operator, source, value), "valid", 1
    scales = operator.kernel_scale.astype(np.float32)
    options = {
        "padding": flat.padding(padding),
        "strideH": operator.strides[0],
        "strideW": operator.strides[1],
        "dilationHFactor": operator.dilation[0],
        "dilationWFactor": operator.dilation[1],
        "fusedActivationFunction": flat.fused(activation),
    }
    depthwise = form_of(operator, source) == "DEPTHWISE_CONV_2D"
    if depthwise:
        kernel = operator.kernel.reshape(1, *size, len(scales))
        options["depthMultiplier"] = len(scales) // operator.groups
    else:
        kernel = np.ascontiguousarray(np.moveaxis(operator.kernel, 3, 0))  # filters first
    weights = flat.kernel(f"{operator.name}/kernel", kernel, scales, 3 if depthwise else 0)
    bias_scales = scales * np.float32(source.quantization.scale)
    bias = flat.bias(f"{operator.name}/bias", operator.bias, bias_scales)
    code = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    flat.operator(code, [value, weights, bias], result, **options)
    if dense:
        flat.reshape(result, indices[operator.output], (1, *output.shape))
    return before, int(dense)


def _pad(flat: FlatModel, operator: Convolution, source: Tensor, value: int) -> int:
    rows, columns, channels = source.shape
    (top, bottom), (left, right) = operator.pads
    shape = (1, rows + top + bottom, columns + left + right, channels)
    padded = flat.tensor(f"{operator.name}/padded", shape, source.quantization)
    flat.operator("PAD", [value, flat.pads([(0, 0), *operator.pads, (0, 0)])], padded)
    return padded


def _write_custom(
    flat: FlatModel, operator: Convolution, source: Tensor, output: Tensor, indices: list[int]
) -> None:
    numbers, name = operator.requantization, operator.name
    kernel = np.ascontiguousarray(np.moveaxis(operator.kernel, 3, 0))
    if operator.operator == "shift":
        packed = codes(operator.kernel).reshape(len(kernel), -1)
        weights = flat.codes(f"{name}/kernel", packed, operator.kernel_scale)
    elif operator.operator == "adder":
        weights = flat.array(f"{name}/kernel", kernel, source.quantization)
    else:
        weights = flat.kernel(f"{name}/kernel", kernel, operator.kernel_scale, 0)
    arrays = [
        weights,
        flat.array(f"{name}/bias", operator.bias),
        flat.array(f"{name}/multiplier", numbers.multiplier),
        flat.array(f"{name}/shift", numbers.shift.astype(np.uint8)),
    ]
    options = ConvolutionOptions(
        operator.operator,
        numbers.rounding,
        (source.quantization.zero_point, numbers.zero_point, numbers.low, numbers.high),
        image_shape(source.shape),
        image_shape(output.shape),
        (operator.kernel.shape[0], operator.kernel.shape[1]),
        operator.strides,
        operator.dilation,
        operator.pads,
        operator.groups,
    )
    code = convolution_name(operator.operator, form_of(operator, source))
    inputs = [indices[operator.inputs[0]], *arrays]
    flat.custom(code, inputs, indices[operator.output], options.pack())
