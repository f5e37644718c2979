"""Binary codes of queries and keys."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops import binarize

HASHINGS = ("vanilla", "kernel")
# Tokens whose pairs supervise a hash: a fixed number, so that it stays linear in the tokens.
_SUPERVISED_TOKENS = 32


class BinaryHash(keras.layers.Layer):
    """Hashes vectors to codes of length one with elements `-1/sqrt(bits)` and `1/sqrt(bits)`.

    Args:
        hashing: `"vanilla"`: the signs of the vector, which is brought to length one. `"kernel"`:
            the signs of trained combinations of its Gaussian similarities to trained anchors.
        bits: Bits of a code of `"kernel"`; one of `"vanilla"` has as many as the vector elements.
        num_anchors: Number of anchors of a head.
        loss_weight: Weight of the loss that supervises the codes of `"kernel"`.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        hashing: str,
        bits: int,
        num_anchors: int,
        loss_weight: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hashing = hashing
        self.bits = bits
        self.num_anchors = num_anchors
        self.loss_weight = loss_weight

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the anchors and their combinations; `input_shape` ends in heads, tokens, size."""
        heads, size = input_shape[-3], input_shape[-1]
        if self.hashing == "kernel":
            self.anchors = self.add_weight(
                name="anchors",
                shape=(heads, self.num_anchors, size),
                initializer=keras.initializers.RandomNormal(stddev=size**-0.5),
            )
            self.combinations = self.add_weight(
                name="combinations",
                shape=(heads, self.num_anchors, self.bits),
                initializer=keras.initializers.RandomNormal(),
            )
        self.built = True

    def code_bits(self, size: int) -> int:
        """Number of bits of the code of a vector of `size` elements."""
        return self.bits if self.hashing == "kernel" else size

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Maps `(..., heads, tokens, size)` to codes `(..., heads, tokens, bits)`."""
        inputs = unit_length(inputs)
        hashed = self._kernel_hash(inputs) if self.hashing == "kernel" else inputs
        codes = binarize(hashed) * self.code_bits(inputs.shape[-1]) ** -0.5
        if training and self.hashing == "kernel" and self.loss_weight:
            self.add_loss(self.loss_weight * _disagreement(inputs, codes))
        return codes

    def _kernel_hash(self, inputs: Any) -> Any:
        anchors = ops.cast(self.anchors, inputs.dtype)
        products = _each_head(inputs, ops.transpose(anchors, (0, 2, 1)))
        distances = 1.0 - 2.0 * products + ops.sum(anchors * anchors, -1)[:, None]
        features = ops.exp(-0.5 * distances)
        # What all anchors have in common would give all tokens one code.
        features = features - ops.mean(features, -1, keepdims=True)
        return _each_head(features, ops.cast(self.combinations, inputs.dtype))


def _each_head(inputs: Any, matrices: Any) -> Any:
    """`(..., heads, tokens, size)` times `(heads, size, outputs)`.

    Not a matrix product that is broadcast: the gradient of that corrupts memory in TensorFlow.
    """
    *leading, heads, tokens, size = ops.shape(inputs)
    rows = ops.reshape(inputs, (-1, heads, tokens, size))
    products = ops.einsum("bhtk,hka->bhta", rows, matrices)
    return ops.reshape(products, (*leading, heads, tokens, matrices.shape[-1]))


def unit_length(inputs: Any) -> Any:
    """Brings vectors to length one; sums of squares are taken in float32."""
    wide = ops.cast(inputs, "float32")
    squares = ops.sum(wide * wide, axis=-1, keepdims=True)
    return ops.cast(wide * ops.rsqrt(ops.maximum(squares, 1e-12)), inputs.dtype)


def _disagreement(inputs: Any, codes: Any) -> Any:
    """Mean squared difference between the similarity of codes and the one of their vectors.

    Codes of random hyperplanes at an angle `a` have the product `1 - 2 a / pi` in the mean.
    """
    inputs, codes = _some_tokens(inputs), _some_tokens(codes)
    cosines = ops.clip(ops.matmul(inputs, _transposed(inputs)), -1.0, 1.0)
    wanted = ops.stop_gradient(ops.arcsin(cosines)) * (2 / math.pi)
    return ops.mean(ops.square(ops.matmul(codes, _transposed(codes)) - wanted))


def _some_tokens(x: Any) -> Any:
    """Tokens at even distances over the whole sequence, in float32."""
    tokens = ops.shape(x)[-2]
    index = ops.arange(_SUPERVISED_TOKENS, dtype="int32") * tokens // _SUPERVISED_TOKENS
    return ops.cast(ops.take(x, index, axis=-2), "float32")


def _transposed(x: Any) -> Any:
    return ops.swapaxes(x, -1, -2)
