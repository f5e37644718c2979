"""What each layer should compute, in NumPy float64, from its configuration."""

import math

import numpy as np

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference


def _geometry(layer):
    return {
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
    }


def _last(layer, array):
    first = getattr(layer, "data_format", "channels_last") == "channels_first"
    return np.moveaxis(array, 1, -1) if first else array


def _back(layer, array):
    first = getattr(layer, "data_format", "channels_last") == "channels_first"
    return np.moveaxis(array, -1, 1) if first else array


def _as_grouped(layer, kernel):
    """The kernel of a grouped convolution that does the same, and how to turn it back."""
    if isinstance(layer, (ksa.layers.ShiftDepthwiseConv2D, ksa.layers.AdderDepthwiseConv2D)):
        return reference.depthwise_as_grouped(kernel), lambda g: g.reshape(kernel.shape)
    if isinstance(layer, (ksa.layers.ShiftDense, ksa.layers.AdderDense)):
        return kernel[None], lambda g: g[0]
    return kernel, lambda g: g


def _rows(layer, array):
    """Dense inputs as a 1D convolution with one step."""
    if isinstance(layer, (ksa.layers.ShiftDense, ksa.layers.AdderDense)):
        return array.reshape(-1, 1, array.shape[-1])
    return array


def shift_weights(layer, weights):
    """Effective kernel and its slopes with respect to each trained tensor."""
    if layer.form == "quantized":
        kernel = reference.round_to_power_of_two(weights[0], layer.weight_bits, layer.max_exponent)
        return kernel, [np.ones_like(kernel)], weights[1:]
    sign, exponent, *rest = (np.asarray(w, "float64") for w in weights)
    span = 2 ** (layer.weight_bits - 1)
    lowest = layer.max_exponent - span + (2 if layer.form == "sign_exponent" else 1)
    magnitude = 2.0 ** np.clip(np.round(exponent), lowest, layer.max_exponent)
    if layer.form == "sign_exponent":
        kernel = np.sign(np.round(sign)) * magnitude
        return kernel, [np.ones_like(kernel), kernel * math.log(2)], rest
    kernel = np.where(sign < 0, -magnitude, magnitude)
    return kernel, [magnitude, kernel * math.log(2)], rest


def expected(layer, inputs, weights, upstream):
    """Outputs, input gradient and the trained tensors' gradients of a layer without activation."""
    geometry = {} if not hasattr(layer, "strides") else _geometry(layer)
    x = _rows(layer, _last(layer, inputs))
    g = _rows(layer, _last(layer, upstream))
    if layer.operator == "shift":
        kernel, slopes, rest = shift_weights(layer, weights)
        grouped, ungroup = _as_grouped(layer, kernel)
        y = reference.conv(x, grouped, **geometry)
        dx, dk = reference.conv_gradients(x, grouped, g, **geometry)
        dws = [ungroup(dk) * slope for slope in slopes]
    else:
        kernel, *rest = weights
        grouped, ungroup = _as_grouped(layer, kernel)
        y = reference.adder_conv(x, grouped, **geometry)
        dx, dk = reference.adder_conv_gradients(x, grouped, g, gradient=layer.gradient, **geometry)
        dk = ungroup(dk)
        if layer.gradient_scale is not None:
            dk = reference.normalize_gradient(dk, layer.gradient_scale)
        dws = [dk]
    if layer.use_bias:
        y = y + rest[0]
        dws.append(g.reshape(-1, g.shape[-1]).sum(0, dtype="float64"))
    y = _back(layer, y.reshape(_last(layer, upstream).shape))
    return y, _back(layer, dx.reshape(_last(layer, inputs).shape)), dws
