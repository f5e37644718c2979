"""The adder product of two batches of matrices: L1 distances between rows and columns."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops import _adder_compiled as compiled
from keras_shiftadd.ops._adder import ADDER_GRADIENTS, SLOPES
from keras_shiftadd.ops._tensors import plain_tensor

Slope = Callable[[Any], Any]


def adder_matmul(x1: Any, x2: Any, gradient: str = "sign") -> Any:
    """Adder matrix product: minus the L1 distance between each row and each column.

    `y[..., m, n] = -sum_k |x1[..., m, k] - x2[..., k, n]|`. Where a matrix product compares
    queries with keys by their angle, this compares them by their distance. Sums are accumulated
    in float32 (float64 for float64 inputs) whatever the dtype of the inputs.

    The compiled kernels serve float32, float16 and bfloat16 on CPUs. The portable form goes
    through the products one `k` at a time: beside inputs, outputs and gradients it holds at most
    four tensors of the size of the result, whatever the number of `k`.

    Args:
        x1: Float tensor `(..., M, K)`.
        x2: Float tensor `(..., K, N)` with the same leading axes.
        gradient: What stands in for the derivative of the absolute value. `"sign"`: the
            subgradient of the distance, for both. `"full_precision"`: `x2` receives
            `sum g * (x1 - x2)` and `x1` `sum g * clip(x2 - x1, -1, 1)`. `"plain"`: as before,
            without the clip.

    Returns:
        Tensor `(..., M, N)` in the dtype of `x1`.

    Raises:
        ValueError: If `gradient` is unknown or the shapes do not fit each other.

    Example:

    >>> keras_shiftadd.ops.adder_matmul([[1.0, 2.0]], [[1.0, 0.0], [0.0, 0.0]])
    [[-2.0, -3.0]]

    Reference:
        - [EcoTransformer, 2025](https://arxiv.org/abs/2507.20096), for attention scores.
    """
    if gradient not in SLOPES:
        raise ValueError(
            f"`gradient` must be one of {ADDER_GRADIENTS}. Received: gradient={gradient!r}."
        )
    x1, x2 = plain_tensor(x1), plain_tensor(x2)
    if not keras.backend.is_float_dtype(x1.dtype):
        x1 = ops.cast(x1, x2.dtype)
    rank = len(x1.shape)
    if rank < 2 or len(x2.shape) != rank or not _fit(x1.shape, x2.shape):
        raise ValueError(
            "`x1` must have the shape (..., M, K) and `x2` (..., K, N), with the same leading "
            f"axes. Received: x1.shape={x1.shape}, x2.shape={x2.shape}."
        )
    *leading, rows, depth = ops.shape(x1)
    columns = ops.shape(x2)[-1]
    matrices = ops.reshape(x1, (_product(leading), rows, depth))
    others = ops.reshape(x2, (_product(leading), depth, columns))
    dtype = "float64" if keras.backend.standardize_dtype(x1.dtype) == "float64" else "float32"
    binding = compiled.matmul_binding(matrices, others, dtype)
    if binding is not None:
        y = compiled.adder_matmul(binding, matrices, others, gradient)
    else:
        y = _with_gradient(gradient, dtype)(matrices, others)
    return ops.reshape(y, (*leading, rows, columns))


def _fit(first: Any, second: Any) -> bool:
    pairs = [*zip(first[:-2], second[:-2], strict=True), (first[-1], second[-2])]
    return all(a is None or b is None or a == b for a, b in pairs)


def _product(sizes: list[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


def _with_gradient(gradient: str, dtype: str) -> Callable[[Any, Any], Any]:
    to_first, to_second = SLOPES[gradient]

    @ops.custom_gradient
    def operation(a: Any, b: Any) -> Any:
        def grad(*args: Any, upstream: Any = None) -> tuple[Any, Any]:
            g = args[0] if upstream is None else upstream
            da, db = _gradients(a, b, g, to_first, to_second or _identity, dtype)
            return ops.cast(da, a.dtype), ops.cast(db, b.dtype)

        return ops.cast(_forward(a, b, dtype), a.dtype), grad

    return operation


def _identity(difference: Any) -> Any:
    return difference


def _slices(a: Any, b: Any, dtype: str) -> tuple[Any, Any]:
    """Column `k` of each `a` as `(K, L, M, 1)`, row `k` of each `b` as `(K, L, 1, N)`."""
    a = ops.transpose(ops.cast(a, dtype), (2, 0, 1))
    b = ops.transpose(ops.cast(b, dtype), (1, 0, 2))
    return ops.expand_dims(a, 3), ops.expand_dims(b, 2)


def _forward(a: Any, b: Any, dtype: str) -> Any:
    first, second = _slices(a, b, dtype)

    def subtract(k: Any, total: Any) -> Any:
        return total - ops.abs(ops.take(first, k, axis=0) - ops.take(second, k, axis=0))

    # Made of both, so that it has the shape that is known of the result.
    start = ops.zeros_like(first[0]) + ops.zeros_like(second[0])
    return ops.fori_loop(0, ops.shape(first)[0], subtract, start)


def _gradients(
    a: Any, b: Any, upstream: Any, to_first: Slope, to_second: Slope, dtype: str
) -> tuple[Any, Any]:
    upstream = ops.cast(upstream, dtype)
    first, second = _slices(a, b, dtype)

    def step(previous: Any, pair: Any) -> tuple[Any, Any]:
        one, other = pair
        # Always zero, which is known only when the previous step is done: left alone, TensorFlow
        # would work on ten steps at once.
        one = one + ops.cast(ops.ravel(previous[0])[0] > float("inf"), dtype)
        da = ops.sum(upstream * to_first(other - one), axis=2)
        db = ops.sum(upstream * to_second(one - other), axis=1)
        return (da, db), (da, db)

    start = (ops.zeros_like(first[0, :, :, 0]), ops.zeros_like(second[0, :, 0]))
    _, (da, db) = ops.scan(step, start, (first, second))
    return ops.transpose(da, (1, 2, 0)), ops.transpose(db, (1, 0, 2))
