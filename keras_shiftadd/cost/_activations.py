"""Operations of activation functions, an element."""

from typing import Any

import keras

from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._work import Work

# A comparison with a bound counts as an addition. hard_sigmoid is clip(x / 6 + 0.5, 0, 1).
_HARD_SIGMOID = Operations(multiply=1, add=3)
_KNOWN: tuple[tuple[Any, Operations], ...] = (
    (keras.activations.linear, Operations()),
    (keras.activations.relu, Operations(add=1)),
    (keras.activations.relu6, Operations(add=2)),
    (keras.activations.leaky_relu, Operations(multiply=1, add=1)),
    (keras.activations.hard_sigmoid, _HARD_SIGMOID),
    (keras.activations.hard_silu, _HARD_SIGMOID + Operations(multiply=1)),
)


def activation_work(activation: Any, elements: int) -> Work:
    """Work of an activation function on a number of elements."""
    if activation is None:
        return Work()
    if isinstance(activation, keras.layers.ReLU):
        return Work(elementwise=elements * relu_layer(activation))
    for function, operations in _KNOWN:
        if activation is function:
            return Work(elementwise=elements * operations)
    name = getattr(activation, "__name__", type(activation).__name__)
    return Work(missing=(f"activation {name!r} on {elements} elements",))


def relu_layer(layer: Any) -> Operations:
    """Operations of a ReLU layer, an element."""
    bounds = 1 + (layer.max_value is not None)
    return Operations(multiply=int(bool(layer.negative_slope)), add=bounds)
