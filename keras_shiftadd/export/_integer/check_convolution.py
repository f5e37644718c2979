"""Checks convolutions: shapes, weights, and the bounds of their sums."""

import math

import numpy as np

from keras_shiftadd.export._integer.bounds import largest_sums
from keras_shiftadd.export._integer.check_arrays import (
    check_array,
    check_image,
    check_requantization,
    check_shape,
    require,
)
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution
from keras_shiftadd.export._integer.windows import output_size

_LARGEST_BIAS = 2**30
_LARGEST_WINDOW = 2**22
_SHIFT_WEIGHTS = (0, 1, 2, 4, 8, 16, 32, 64)


def check_convolution(operator: Convolution, source: Tensor, output: Tensor) -> None:
    """Raises where a convolution breaks a rule."""
    require(
        operator,
        operator.operator in ("conv", "shift", "adder"),
        "`operator` must be 'conv', 'shift' or 'adder'",
        f"{operator.operator!r}",
    )
    check_array(operator, "kernel", operator.kernel, np.int8, None)
    require(operator, operator.kernel.ndim == 4, "its kernel must have four axes", "another")
    filters = operator.kernel.shape[3]
    check_array(operator, "bias", operator.bias, np.int32, (filters,))
    check_array(operator, "kernel_scale", operator.kernel_scale, np.float64, (filters,))
    _check_geometry(operator, source, output)
    _check_weights(operator)
    _check_sums(operator, output)


def _check_geometry(operator: Convolution, source: Tensor, output: Tensor) -> None:
    rows, columns, channels, filters = operator.kernel.shape
    groups = operator.groups
    require(
        operator,
        groups >= 1 and filters % groups == 0 and channels * groups == source.shape[-1],
        "`groups` must divide channels and filters",
        f"groups={groups}, an input of {source.shape[-1]} channels, a kernel of shape "
        f"{operator.kernel.shape}",
    )
    require(
        operator,
        min(*operator.strides, *operator.dilation) >= 1 and min(map(min, operator.pads)) >= 0,
        "strides and dilation must be 1 or more, pads 0 or more",
        f"strides={operator.strides}, dilation={operator.dilation}, pads={operator.pads}",
    )
    if len(source.shape) == 1:
        plain = (operator.strides, operator.dilation, operator.pads)
        require(
            operator,
            (rows, columns) == (1, 1) and plain == ((1, 1), (1, 1), ((0, 0), (0, 0))),
            "the kernel of a vector must have one row and one column, without strides or pads",
            f"shape {operator.kernel.shape}, strides={operator.strides}, pads={operator.pads}",
        )
        check_shape(operator, output, (filters,))
        return
    check_image(operator, source)
    size = output_size(
        source.shape[:2], (rows, columns), operator.strides, operator.dilation, operator.pads
    )
    require(operator, min(size) >= 1, "its window must fit the padded input", f"{source}")
    check_shape(operator, output, (*size, filters))


def _check_weights(operator: Convolution) -> None:
    if operator.operator != "shift":
        return
    wrong = ~np.isin(np.abs(operator.kernel.astype(np.int16)), _SHIFT_WEIGHTS)
    require(
        operator,
        not wrong.any(),
        "weights of a shift convolution must be 0, or plus or minus a power of two from 1 to 64",
        f"{operator.kernel[wrong][:5].tolist()}",
    )


def _check_sums(operator: Convolution, output: Tensor) -> None:
    *window, filters = operator.kernel.shape
    elements = math.prod(window)
    bias = np.abs(operator.bias.astype(np.int64))
    require(
        operator,
        bool(np.all(bias < _LARGEST_BIAS)),
        "biases must be below 2**30 in magnitude",
        f"up to {bias.max(initial=0)}",
    )
    require(
        operator,
        elements < _LARGEST_WINDOW,
        "a window must have less than 2**22 elements",
        f"{elements}",
    )
    check_requantization(operator, operator.requantization, output, largest_sums(operator), filters)
