"""Quantises activations that are not merged into the layer before them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_shiftadd.export._integer import softmax
from keras_shiftadd.export._integer.operators import Softmax
from keras_shiftadd.export._model.activation_functions import activation_function
from keras_shiftadd.export._model.plan import Step
from keras_shiftadd.export._quantization import INT8_MAX, INT8_MIN, Quantization
from keras_shiftadd.export._quantize.builder import Builder, rescaled, unsupported
from keras_shiftadd.export._quantize.limits import highest


def quantize_activation(builder: Builder, step: Step) -> None:
    """Quantises a function of single numbers, or a softmax."""
    layer: Any = step.node.layer
    index = builder.get(step.node.inputs[0])
    name, parameter = activation_function(layer)
    if name == "softmax":
        _softmax(builder, step, index)
        return
    inputs = builder.tensor(index).quantization
    output = builder.quantizations.of(step.output)
    if name in ("relu", "relu6", "leaky_relu"):
        output = output.fit(inputs.scale)
        builder.quantizations.set(step.output, output)
        table = rescaled(inputs, output, 1.0)
        if name == "leaky_relu":
            negative = np.arange(INT8_MIN, INT8_MAX + 1) < inputs.zero_point
            table = np.where(negative, rescaled(inputs, output, parameter), table)
        else:
            largest = 6.0 if name == "relu6" else getattr(layer, "max_value", None)
            table = np.clip(table, output.zero_point, highest(largest, output))
        result = builder.table(step.node.name, name, index, output, table)
    else:
        compute = _FUNCTIONS[name](parameter)
        result = builder.lookup(step.node.name, name, index, output, compute)
    builder.put(step.output, result)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


# Functions of single numbers, from the parameter of the layer.
_FUNCTIONS: dict[str, Callable[[float], Callable[[np.ndarray], np.ndarray]]] = {
    "sigmoid": lambda _: _sigmoid,
    "tanh": lambda _: np.tanh,
    "silu": lambda _: lambda x: x * _sigmoid(x),
    "hard_silu": lambda _: lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "elu": lambda alpha: lambda x: np.where(x > 0.0, x, alpha * np.expm1(np.minimum(x, 0.0))),
    # Means of squares are not negative, whatever an int8 number may stand for.
    "rsqrt": lambda epsilon: lambda x: 1.0 / np.sqrt(np.maximum(x, 0.0) + epsilon),
    "gelu": lambda _: lambda x: x * 0.5 * (1.0 + _erf(x / np.sqrt(2.0))),
    "power": lambda exponent: lambda x: np.sign(x) * np.abs(x) ** exponent,
}


def _softmax(builder: Builder, step: Step, index: int) -> None:
    layer: Any = step.node.layer
    rank = len(step.node.shape)
    axis = getattr(layer, "axis", -1)
    if axis not in (-1, rank):
        raise unsupported(layer, f"it must run over the last axis. Received: axis={axis}")
    tensor = builder.tensor(index)
    beta = float(getattr(layer, "beta", 1.0))
    finest = 2.0**-16 / min(1.0, beta)
    if tensor.quantization.scale < finest:
        index = builder.requantize(index, Quantization(finest, tensor.quantization.zero_point))
    multiplier, left_shift, least = softmax.softmax_arguments(
        builder.tensor(index).quantization.scale, beta
    )
    result = builder.add(
        step.node.name,
        tensor.shape,
        softmax.OUTPUT,
        lambda out: Softmax(step.node.name, (index,), out, multiplier, left_shift, least, beta),
    )
    builder.put(step.output, result)
