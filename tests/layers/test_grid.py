"""Outputs and both gradients of every layer against NumPy, over a grid of configurations."""

import itertools

import pytest
from layer_references import expected

import keras_shiftadd as ksa
from keras_shiftadd.testing import check_gradients

L = ksa.layers
STEPS = [(1, 1), (2, 1), (1, 2)]  # strides, dilation_rate


def conv2d(layer_class, formats=("channels_last", "channels_first")):
    for kernel, (stride, dilation), padding, data_format in itertools.product(
        (1, 3, 5), STEPS, ("valid", "same"), formats
    ):
        # groups, input channels, filters, batch: odd counts, one image, groups
        for groups, channels, filters, batch in ((1, 3, 5, 2), (2, 4, 6, 1)):
            size = (11, 10)
            shape = (*size, channels) if data_format == "channels_last" else (channels, *size)
            arguments = {
                "filters": filters,
                "kernel_size": kernel,
                "strides": stride,
                "dilation_rate": dilation,
                "padding": padding,
                "data_format": data_format,
                "groups": groups,
            }
            yield layer_class, arguments, (batch, *shape)


def conv1d(layer_class):
    for kernel, (stride, dilation), padding in itertools.product(
        (1, 3, 5), STEPS, ("valid", "same", "causal")
    ):
        arguments = {
            "filters": 3,
            "kernel_size": kernel,
            "strides": stride,
            "dilation_rate": dilation,
            "padding": padding,
        }
        yield layer_class, arguments, (2, 13, 5)


def depthwise(layer_class):
    for kernel, (stride, dilation), padding, multiplier in itertools.product(
        (1, 3, 5), STEPS, ("valid", "same"), (1, 3)
    ):
        arguments = {
            "kernel_size": kernel,
            "strides": stride,
            "dilation_rate": dilation,
            "padding": padding,
            "depth_multiplier": multiplier,
        }
        yield layer_class, arguments, (2, 9, 10, 3)


def dense(layer_class):
    for shape, bias in itertools.product(((1, 7), (3, 5), (2, 3, 4)), (True, False)):
        yield layer_class, {"units": 5, "use_bias": bias}, shape


GRID = [
    *conv2d(L.AdderConv2D),
    *conv2d(L.ShiftConv2D, formats=("channels_last",)),
    *conv1d(L.AdderConv1D),
    *conv1d(L.ShiftConv1D),
    *depthwise(L.AdderDepthwiseConv2D),
    *depthwise(L.ShiftDepthwiseConv2D),
    *dense(L.AdderDense),
    *dense(L.ShiftDense),
    # sizes that differ by axis, and strides that do not divide the input
    (L.AdderConv2D, {"filters": 2, "kernel_size": (1, 3), "strides": (2, 1)}, (2, 8, 7, 2)),
    (L.AdderConv2D, {"filters": 2, "kernel_size": (3, 2), "strides": 3}, (1, 8, 9, 1)),
    (L.AdderConv2D, {"filters": 2, "kernel_size": 1, "strides": 3}, (1, 8, 9, 1)),
    (L.AdderConv2D, {"filters": 4, "kernel_size": 3, "groups": 4}, (1, 6, 6, 4)),
    # forms, bits, gradients
    *(
        (L.ShiftConv2D, {"filters": 4, "kernel_size": 3, "form": form, "weight_bits": bits}, s)
        for form in ("quantized", "sign_exponent", "dense")
        for bits in (2, 3, 5, 8)
        for s in ((2, 6, 5, 3),)
    ),
    *(
        (L.ShiftDense, {"units": 4, "form": form, "max_exponent": -2}, (3, 6))
        for form in ("quantized", "sign_exponent", "dense")
    ),
    *(
        (L.AdderConv2D, {"filters": 4, "kernel_size": 3, "gradient": gradient, **scale}, s)
        for gradient in ("full_precision", "plain", "sign")
        for scale in ({}, {"gradient_scale": None}, {"gradient_scale": 1.5})
        for s in ((2, 6, 5, 3),)
    ),
]


def test_the_grid_has_at_least_200_configurations():
    assert len(GRID) >= 200


@pytest.mark.parametrize(("layer_class", "arguments", "input_shape"), GRID)
def test_outputs_and_gradients_equal_the_reference(layer_class, arguments, input_shape):
    layer = layer_class(**arguments)
    check_gradients(
        layer_class,
        arguments,
        input_shape,
        lambda inputs, weights, upstream: expected(layer, inputs, weights, upstream),
        tolerance=1e-5,
    )
