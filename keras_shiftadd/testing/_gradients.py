"""Outputs and gradients of a function or a layer, on whichever backend is active."""

import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops


def function_gradients(
    function: Callable[..., Any], inputs: list[Any], upstream: Any, jit: bool = False
) -> tuple[Any, list[Any]]:
    """Evaluates a function of tensors and its vector-Jacobian products.

    Args:
        function: Function of `len(inputs)` tensors that returns one tensor.
        inputs: List of NumPy arrays.
        upstream: NumPy array in the shape of the output.
        jit: Whether the function is compiled: `tf.function` on TensorFlow, `torch.compile` on
            torch. JAX always compiles.

    Returns:
        The output, and one gradient for each input, as NumPy arrays.

    Example:

    >>> x = numpy.array([1.0, -2.0], "float32")
    >>> keras_shiftadd.testing.function_gradients(keras.ops.square, [x], upstream=1 + 0 * x)
    (array([1., 4.], dtype=float32), [array([ 2., -4.], dtype=float32)])
    """
    tensors = [ops.convert_to_tensor(value) for value in inputs]
    upstream = ops.convert_to_tensor(upstream)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        tf = importlib.import_module("tensorflow")

        def run(*values: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(values)
                output = function(*values)
            return output, tape.gradient(output, values, upstream)

        output, gradients = (tf.function(run) if jit else run)(*tensors)
    elif backend == "jax":
        jax = importlib.import_module("jax")

        def evaluate(values: Any, cotangent: Any) -> Any:
            output, pullback = jax.vjp(function, *values)
            return output, pullback(cotangent)

        output, gradients = jax.jit(evaluate)(tensors, upstream)
    else:
        torch = importlib.import_module("torch")
        leaves = [tensor.detach().clone().requires_grad_() for tensor in tensors]
        output = (torch.compile(function) if jit else function)(*leaves)
        gradients = torch.autograd.grad(output, leaves, upstream)
    return _numpy(output), [_numpy(gradient) for gradient in gradients]


def layer_gradients(layer: keras.layers.Layer, inputs: Any, upstream: Any) -> tuple[Any, ...]:
    """Evaluates a built layer and its gradients.

    Args:
        layer: A built layer with one input and one output.
        inputs: NumPy array.
        upstream: NumPy array in the shape of the output.

    Returns:
        `(outputs, input_gradient, variable_gradients)`, the last a list in the order of
        `layer.trainable_variables`, as NumPy arrays.

    Example:

    >>> layer = keras_shiftadd.layers.AdderDense(4)
    >>> layer.build((None, 8))
    >>> x, upstream = numpy.ones((2, 8), "float32"), numpy.ones((2, 4), "float32")
    >>> outputs, dx, (dkernel, dbias) = keras_shiftadd.testing.layer_gradients(layer, x, upstream)
    >>> dkernel.shape
    (8, 4)
    """
    variables = layer.trainable_variables
    frozen = [v.value for v in layer.non_trainable_variables]

    def function(x: Any, *values: Any) -> Any:
        return layer.stateless_call(list(values), frozen, x)[0]

    values = [ops.convert_to_numpy(variable) for variable in variables]
    outputs, (dx, *dvs) = function_gradients(function, [inputs, *values], upstream)
    return outputs, dx, dvs


def _numpy(tensor: Any) -> Any:
    array = ops.convert_to_numpy(ops.cast(tensor, "float32"))
    return np.asarray(array)
