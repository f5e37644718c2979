"""Quantises layers with kernels, and normalisations that stand alone."""

from typing import Any

import numpy as np

from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.operators import Convolution, Requantization
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._model.kernels import bias_of, kernel_of
from keras_shiftadd.export._model.known_layers import DENSE, operator
from keras_shiftadd.export._model.plan import Affine, Step
from keras_shiftadd.export._quantize.builder import Builder, ClampedWeights
from keras_shiftadd.export._quantize.fixed_point import fixed_point
from keras_shiftadd.export._quantize.layer_window import LayerWindow, layer_window
from keras_shiftadd.export._quantize.limits import limits
from keras_shiftadd.export._quantize.requantization import requantization_integers
from keras_shiftadd.export._quantize.terms import Terms, adder_terms, matched, product_terms


def quantize_layer(builder: Builder, step: Step) -> None:
    """Quantises a layer with a kernel, and what is merged into it."""
    layer: Any = step.node.layer
    source = step.node.inputs[0]
    kind = operator(layer)
    if isinstance(layer, DENSE):
        index, window = builder.get(source), LayerWindow()
    else:
        index, around = builder.before_padding(source)
        window = layer_window(layer, builder.tensor(index).shape, around)
    channels = builder.tensor(index).shape[-1]
    kernel = kernel_of(layer).reshape(*window.size, channels // window.groups, -1)
    filters = kernel.shape[-1]
    affine = step.affine or Affine(np.ones(filters), np.zeros(filters))
    bias = bias_of(layer, filters)
    if kind == "adder":
        index = builder.requantize(index, builder.quantizations.for_adder(step))
        inputs = builder.tensor(index).quantization
        terms = adder_terms(kernel, bias, affine, inputs, builder.options.redistribute)
        values = builder.observations.values[source]
        saturated = np.mean((values < inputs.low) | (values > inputs.high))
        builder.clamped.append(ClampedWeights(layer.name, terms.clamped, float(saturated)))
    else:
        index = fixed_point(builder, index, layer)
        inputs = builder.tensor(index).quantization
        one_scale = len(builder.tensor(index).shape) == 1 and filters == 1
        terms = product_terms(kernel, bias, affine, inputs, kind == "shift", one_scale)
    mean = affine.gain * builder.observations.means[step.node] + affine.offset
    deviation = np.abs(affine.gain) * builder.observations.deviations[step.node]
    _add(builder, step, kind, index, window, terms, (mean, deviation))


def quantize_affine(builder: Builder, step: Step) -> None:
    """Quantises a normalisation that stands alone: a convolution of one tap for each channel."""
    assert step.affine is not None
    index = builder.image(step.node.inputs[0])
    channels = step.node.shape[-1]
    inputs = builder.tensor(index).quantization
    kernel, none = np.ones((1, 1, 1, channels)), np.zeros(channels)
    terms = product_terms(kernel, none, step.affine, inputs, False)
    window = LayerWindow(groups=channels)
    observations = builder.observations
    expected = observations.means[step.node], observations.deviations[step.node]
    _add(builder, step, "conv", index, window, terms, expected)


def _add(
    builder: Builder,
    step: Step,
    kind: Any,
    index: int,
    window: LayerWindow,
    terms: Terms,
    expected: tuple[np.ndarray, np.ndarray],
) -> None:
    """Adds a convolution of a tensor.

    Args:
        builder: The network under construction.
        step: What is quantised.
        kind: "conv", "shift" or "adder".
        index: The tensor that is read.
        window: Where it is read.
        terms: The kernel, and what its sums stand for.
        expected: Mean and standard deviation of each channel of the output in float, before its
            activation.
    """
    sums = _sums(builder, kind, index, window, terms.kernel)
    if builder.options.power_of_two_scales:
        terms = matched(terms, sums, expected)
    mean_sum, mean = sums[0], expected[0]
    offset = terms.offset
    # The rounding of an adder kernel shifts every sum; products are right in the mean.
    if builder.options.correct_bias and kind == "adder":
        offset = mean - terms.slope * mean_sum
    rounding = builder.options.conv_rounding if kind == "conv" else "single"
    integers = requantization_integers(
        terms.slope,
        offset,
        mean_sum,
        terms.largest_sum,
        builder.quantizations.of(step.output),
        rounding,
        kind == "shift" and builder.options.power_of_two_scales,
        free_slopes=kind == "adder",
    )
    quantization = integers.quantization
    builder.quantizations.set(step.output, quantization)
    low, high = limits(step, quantization)
    requantization = Requantization(
        integers.multiplier, integers.shift, quantization.zero_point, rounding, low, high
    )
    source = builder.tensor(index).shape
    filters = terms.kernel.shape[-1]
    shape: tuple[int, ...] = (filters,)
    if len(source) == 3:
        size = output_size(source[:2], window.size, window.strides, window.dilation, window.pads)
        shape = (*size, filters)
    output = builder.add(
        step.output.name,
        shape,
        quantization,
        lambda out: Convolution(
            step.node.name,
            kind,
            (index,),
            out,
            terms.kernel,
            integers.bias,
            requantization,
            terms.kernel_scale,
            window.groups,
            window.strides,
            window.dilation,
            window.pads,
        ),
    )
    builder.put(step.output, output)


def _sums(
    builder: Builder, kind: str, index: int, window: LayerWindow, kernel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the sums of each filter on the first samples."""
    x = builder.values(index)
    sums = convolution_sums(
        kind,
        x if x.ndim == 4 else x.reshape(len(x), 1, 1, -1),
        kernel,
        builder.tensor(index).quantization.zero_point,
        window.groups,
        window.strides,
        window.dilation,
        window.pads,
    )
    flat = sums.reshape(-1, sums.shape[-1])
    return flat.mean(axis=0), flat.std(axis=0)
