"""The layers without weights that attention and normalisations over channels are made of."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops import adder_matmul

Shape = tuple[int | None, ...]


class SplitHeads(keras.layers.Layer):
    """`(tokens, heads * size)` -> `(heads, tokens, size)`.

    Args:
        heads: Integer, number of heads.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def call(self, inputs: Any) -> Any:
        """Splits."""
        shape = (-1, inputs.shape[1], self.heads, inputs.shape[2] // self.heads)
        return ops.transpose(ops.reshape(inputs, shape), (0, 2, 1, 3))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the heads."""
        batch, tokens, channels = input_shape
        return (batch, self.heads, tokens, None if channels is None else channels // self.heads)


class JoinHeads(keras.layers.Layer):
    """`(heads, tokens, size)` -> `(tokens, heads * size)`."""

    def call(self, inputs: Any) -> Any:
        """Joins."""
        _, heads, tokens, size = inputs.shape
        return ops.reshape(ops.transpose(inputs, (0, 2, 1, 3)), (-1, tokens, heads * size))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape without heads."""
        batch, heads, tokens, size = input_shape
        return (batch, tokens, None if heads is None or size is None else heads * size)


class HeadsMatMul(keras.layers.Layer):
    """Compares queries with keys, or mixes values by scores, in each head.

    Args:
        similarity: `"dot"`, products of queries and keys; `"laplacian"`, their negative distances;
            `None`, the values mixed.
    """

    def __init__(self, similarity: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.similarity = similarity

    def call(self, inputs: Any) -> Any:
        """Multiplies or compares."""
        first, second = inputs
        if self.similarity is not None:
            second = ops.swapaxes(second, -1, -2)
        run = adder_matmul if self.similarity == "laplacian" else ops.matmul
        return run(first, second)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the products."""
        first, second = input_shape
        return (*first[:-1], second[-1] if self.similarity is None else second[-2])


class ScaledSoftmax(keras.layers.Softmax):
    """Softmax of a multiple of its input.

    Args:
        beta: Number, the factor.
    """

    def __init__(self, beta: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        """Applies the function."""
        return super().call(inputs * self.beta)


class RepeatChannel(keras.layers.Layer):
    """`(tokens, 1)` -> `(tokens, channels)`.

    Args:
        channels: Integer, how often.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels

    def call(self, inputs: Any) -> Any:
        """Repeats."""
        return ops.repeat(inputs, self.channels, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape with channels."""
        return (*input_shape[:-1], self.channels)


class ReciprocalRoot(keras.layers.Layer):
    """`1 / sqrt(x + epsilon)`.

    Args:
        epsilon: Number above 0.
    """

    def __init__(self, epsilon: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: Any) -> Any:
        """Applies the function."""
        return ops.rsqrt(inputs + self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the input."""
        return input_shape
