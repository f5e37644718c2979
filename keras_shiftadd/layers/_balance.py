"""The choice of experts, and the loss that spreads tokens over them."""

from typing import Any

import keras
from keras import ops


class TopKGates(keras.layers.Layer):
    """Turns scores into the probabilities of the largest ones, and zero for the others.

    Args:
        top_k: Integer, how many are kept.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(self, top_k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top_k = top_k

    def call(self, inputs: Any) -> Any:
        """Maps scores `(..., experts)` to gates of the same shape."""
        _, chosen = ops.top_k(inputs, self.top_k)
        kept = ops.sum(ops.one_hot(chosen, inputs.shape[-1], dtype=inputs.dtype), axis=-2)
        return ops.softmax(inputs, axis=-1) * kept

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape, which is the input shape."""
        return tuple(input_shape)


def balance_loss(probabilities: Any, loads: Any, latencies: Any) -> Any:
    """Sum of the squared coefficients of variation of importance and load.

    Args:
        probabilities: Tensor `(tokens, experts)`.
        loads: Tensor `(tokens, experts)`, the probability that an expert gets a token.
        latencies: Tensor `(experts,)`, by which both sums over tokens are multiplied.

    Returns:
        Scalar tensor.
    """
    importance = ops.sum(probabilities, axis=0) * latencies
    load = ops.sum(loads, axis=0) * latencies
    return _squared_variation(importance) + _squared_variation(load)


def exceedance(scores: Any, noisy: Any, top_k: int, noise: float) -> Any:
    """The probability that a score with new noise is among the largest, others' noise fixed.

    Args:
        scores: Tensor `(tokens, experts)` without noise.
        noisy: The same with the noise that was drawn.
        top_k: How many scores are chosen.
        noise: Deviation of the noise.

    Returns:
        Tensor `(tokens, experts)`; differentiable.
    """
    experts = scores.shape[-1]
    if top_k == experts:
        return ops.ones_like(scores)
    largest, _ = ops.top_k(noisy, top_k + 1)
    inside, outside = largest[:, top_k - 1, None], largest[:, top_k, None]
    # What a score has to exceed: the k-th largest of the others.
    threshold = ops.where(noisy >= inside, outside, inside)
    return 0.5 * (1.0 + ops.erf((scores - threshold) / (noise * 2**0.5)))


def _squared_variation(values: Any) -> Any:
    mean = ops.mean(values)
    return ops.mean(ops.square(values - mean)) / (ops.square(mean) + 1e-10)
