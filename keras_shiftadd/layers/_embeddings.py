"""Embeddings of tokens and of positions."""

import math
from typing import Any

import keras
from keras import ops


class TokenEmbedding(keras.layers.Layer):
    """Vectors of tokens, scaled by the square root of their size, plus sinusoids of positions.

    Token 0 is padding: it is masked.

    Args:
        vocabulary_size: Integer, number of tokens.
        embedding_dim: Integer, size of a vector; even.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, vocabulary_size: int, embedding_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim

    def build(self, inputs_shape: tuple[int | None, ...]) -> None:
        """Creates the vectors."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=keras.initializers.RandomNormal(stddev=self.embedding_dim**-0.5),
        )
        self.built = True

    def embed(self, tokens: Any, first_position: Any = 0) -> Any:
        """Returns the vectors of `(batch, tokens)`, the first of which are at a position."""
        x = ops.take(self.embeddings, tokens, axis=0) * math.sqrt(self.embedding_dim)
        x = ops.cast(x, self.compute_dtype)
        positions = first_position + ops.arange(ops.shape(tokens)[1], dtype="int32")
        return x + ops.cast(sinusoids(positions, self.embedding_dim), x.dtype)

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Embeds tokens; with `reverse`, compares vectors with those of all tokens."""
        if not reverse:
            return self.embed(inputs)
        embeddings = ops.cast(self.embeddings, inputs.dtype)
        return ops.matmul(inputs, ops.transpose(embeddings))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Says which tokens are none of padding."""
        if previous_mask is not None or not keras.backend.is_int_dtype(inputs.dtype):
            return previous_mask
        return ops.not_equal(inputs, 0)

    def compute_output_shape(
        self, inputs_shape: tuple[int | None, ...], reverse: bool = False
    ) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        if reverse:
            return (*inputs_shape[:-1], self.vocabulary_size)
        return (*inputs_shape, self.embedding_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """Returns the symbolic output for a symbolic input."""
        return keras.KerasTensor(
            self.compute_output_shape(inputs.shape, reverse), dtype=self.compute_dtype
        )


def sinusoids(positions: Any, size: int) -> Any:
    """Returns sines, then cosines, of geometrically spaced wavelengths: `(positions, size)`.

    Args:
        positions: Integer tensor `(n,)`.
        size: Integer, an even number.
    """
    exponents = ops.arange(size // 2, dtype="float32") * (-math.log(10000.0) / (size // 2))
    angles = ops.cast(positions, "float32")[:, None] * ops.exp(exponents)
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class PositionEmbedding(keras.layers.Layer):
    """Adds a trained vector to each of a fixed number of tokens."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the vectors."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=input_shape[1:],
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Adds the vectors."""
        return inputs + ops.cast(self.embeddings, inputs.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape, which is the input shape."""
        return tuple(input_shape)
