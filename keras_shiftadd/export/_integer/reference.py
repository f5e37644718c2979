"""Runs an int8 network in NumPy: what every other runner must equal, bit for bit."""

import numpy as np

from keras_shiftadd.export._integer import elementwise, matrices
from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.convolution import convolution_sums
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Concatenate,
    Convolution,
    Lookup,
    MatMul,
    Mean,
    Multiply,
    Operator,
    Pad,
    Pooling,
    Repeat,
    Reshape,
    Softmax,
    Transpose,
)
from keras_shiftadd.export._integer.requantize import requantize
from keras_shiftadd.export._integer.softmax import softmax
from keras_shiftadd.export._integer.windows import pad

# Samples whose tensors are held at a time.
_BATCH = 32


def run(model: IntegerModel, x: np.ndarray) -> np.ndarray:
    """The outputs of an int8 network.

    Args:
        model: The network.
        x: int8 array `(samples, *shape)`, each sample in the shape of the model's input.

    Returns:
        int8 array `(samples, *shape)` in the shape of the model's output.

    Raises:
        ValueError: If the model is not one (see `check`), or `x` does not fit it.
    """
    check(model)
    _check_input(model, x)
    parts = [_run(model, x[start : start + _BATCH]) for start in range(0, len(x), _BATCH)]
    if not parts:
        return np.empty((0, *model.tensors[model.output].shape), np.int8)
    return np.concatenate([tensors[model.output] for tensors in parts])


def run_all(model: IntegerModel, x: np.ndarray) -> list[np.ndarray]:
    """All tensors of an int8 network, in the order of `model.tensors`.

    Args:
        model: The network.
        x: int8 array `(samples, *shape)`; all tensors of all samples are held at a time.

    Returns:
        int8 arrays `(samples, *shape)`.

    Raises:
        ValueError: If the model is not one (see `check`), or `x` does not fit it.
    """
    check(model)
    _check_input(model, x)
    return _run(model, x)


def _check_input(model: IntegerModel, x: np.ndarray) -> None:
    shape = model.tensors[model.input].shape
    if not isinstance(x, np.ndarray) or x.dtype != np.int8 or x.shape[1:] != shape:
        received = f"{x.dtype}, shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise ValueError(
            f"`x` must be an int8 array of shape (samples, {', '.join(map(str, shape))}). "
            f"Received: {received}. Float inputs are converted with "
            "model.tensors[model.input].quantization.quantize(x)."
        )


def _run(model: IntegerModel, x: np.ndarray) -> list[np.ndarray]:
    values: dict[int, np.ndarray] = {model.input: x}
    for operator in model.operators:
        inputs = [values[index] for index in operator.inputs]
        tensors = [model.tensors[index] for index in operator.inputs]
        output = model.tensors[operator.output]
        y = apply(operator, inputs, tensors, output)
        values[operator.output] = y.reshape(len(x), *output.shape)
    return [values[index] for index in range(len(model.tensors))]


def apply(
    operator: Operator, inputs: list[np.ndarray], tensors: list[Tensor], output: Tensor
) -> np.ndarray:
    """The output of an operator, in the shape in which it comes, from its inputs.

    Args:
        operator: The operator.
        inputs: int8 arrays `(samples, *shape)`.
        tensors: What the inputs are.
        output: What the output is.
    """
    zeros = [tensor.quantization.zero_point for tensor in tensors]
    match operator:
        case Convolution():
            return _convolution(operator, inputs[0], zeros[0])
        case Pooling():
            return elementwise.pool(operator, inputs[0])
        case Mean():
            return elementwise.mean(operator, inputs[0], zeros[0])
        case Add():
            return elementwise.add(operator, inputs[0], inputs[1], (zeros[0], zeros[1]))
        case AddConstant():
            return matrices.add_constant(operator, inputs[0], zeros[0])
        case MatMul():
            return matrices.matmul(operator, inputs[0], inputs[1], (zeros[0], zeros[1]))
        case Multiply():
            return elementwise.product(operator, inputs[0], inputs[1], (zeros[0], zeros[1]))
        case Lookup():
            return elementwise.lookup(operator, inputs[0])
        case Softmax():
            return softmax(
                inputs[0], operator.multiplier, operator.left_shift, operator.least_difference
            )
        case Reshape():
            return inputs[0]
        case Transpose():
            return np.swapaxes(inputs[0], 1, 2)
        case Repeat():
            return np.repeat(inputs[0], output.shape[-1], axis=-1)
        case Pad():
            return pad(inputs[0], operator.pads, zeros[0])
        case Concatenate():
            return np.concatenate(inputs, axis=-1)


def _convolution(operator: Convolution, x: np.ndarray, input_zero: int) -> np.ndarray:
    images = x if x.ndim == 4 else x.reshape(len(x), 1, 1, -1)
    sums = convolution_sums(
        operator.operator,
        images,
        operator.kernel,
        input_zero,
        operator.groups,
        operator.strides,
        operator.dilation,
        operator.pads,
    )
    return requantize(sums + operator.bias.astype(np.int64), operator.requantization)
