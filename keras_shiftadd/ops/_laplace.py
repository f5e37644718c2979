"""Transport of Gaussian weights to Laplacian ones, for kernels shared with adder layers."""

import math
from typing import Any

from keras import ops

from keras_shiftadd.ops._tensors import plain_tensor

_MAX_DEVIATIONS = 10.0
# In float32 one less a smaller tail cannot be told from one.
_MAX_SCALES = 12.0

# log(erfc(x)) = log(t) - x**2 + polynomial(t), t = 1 / (1 + x / 2), for 0.4 <= x <= 12: a least
# squares fit to float64 values, absolute error 3e-9.
_COEFFICIENTS = (
    -1.265530968,
    1.000583512,
    0.3672030486,
    0.1424452425,
    -0.3666257362,
    0.7221180121,
    -1.818558273,
    2.130505113,
    -1.157883529,
    0.2457677666,
)
_SERIES_FROM = 0.4


def log_erfc(inputs: Any) -> Any:
    """Logarithm of the complementary error function, for non-negative numbers.

    Keeps its relative precision (about 1e-6 in float32) where `erfc` itself underflows, up to 12.

    Args:
        inputs: Float tensor of numbers from 0 to 12.

    Returns:
        Tensor of the same shape.

    Example:

    >>> keras_shiftadd.ops.log_erfc([0.0, 1.0, 10.0])
    [0.0, -1.8496055, -102.87989]
    """
    x = plain_tensor(inputs)
    near = x < _SERIES_FROM
    small = ops.where(near, x, ops.zeros_like(x))
    large = ops.where(near, ops.ones_like(x), x)
    t = 1.0 / (1.0 + 0.5 * large)
    polynomial = ops.zeros_like(t) + _COEFFICIENTS[-1]
    for coefficient in _COEFFICIENTS[-2::-1]:
        polynomial = polynomial * t + coefficient
    return ops.where(near, ops.log1p(-ops.erf(small)), ops.log(t) - ops.square(large) + polynomial)


def gaussian_to_laplace(
    inputs: Any,
    mean: Any = None,
    deviation: Any = None,
    laplace_mean: Any = None,
    laplace_scale: Any = None,
) -> Any:
    """Maps a Gaussian sample to a Laplacian one by the monotone optimal transport.

    Trained convolution kernels are about Gaussian, adder kernels about Laplacian. With
    `z = (w - mean) / deviation`, the map is
    `T(w) = laplace_mean - laplace_scale * sign(z) * ln erfc(|z| / sqrt(2))`. It is exact, monotone
    and differentiable. Mean and deviation are constants in the gradient, and `z` is limited to
    +-10.

    Args:
        inputs: Float tensor of any shape.
        mean: Mean of the Gaussian; by default that of `inputs`.
        deviation: Standard deviation of the Gaussian; by default that of `inputs`. Inputs that
            are all equal map to `laplace_mean`.
        laplace_mean: Mean of the result; by default `mean`.
        laplace_scale: Scale `b` of the Laplace distribution (its standard deviation is
            `sqrt(2) * b`); by default `deviation / sqrt(2)`, which keeps the variance.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Example:

    >>> w = keras.random.normal((3, 3, 64, 64), stddev=0.05)
    >>> keras_shiftadd.ops.gaussian_to_laplace(w).shape
    (3, 3, 64, 64)

    Reference:
        - Takes the place of the binned sharing of [You et al., 2022, ShiftAddNAS](
        https://arxiv.org/abs/2205.08119), section 4.2; see `binned_gain` for that form.
    """
    w, mean, deviation = _moments(inputs, mean, deviation)
    if laplace_mean is None:
        laplace_mean = mean
    if laplace_scale is None:
        laplace_scale = deviation / math.sqrt(2.0)
    z = ops.clip(_standardized(w, mean, deviation), -_MAX_DEVIATIONS, _MAX_DEVIATIONS)
    # The two branches of |z| by hand: the derivative of abs is zero at zero, that of T is not.
    sign = ops.cast(ops.where(z < 0, -1.0, 1.0), w.dtype)
    tail = log_erfc(z * sign / math.sqrt(2.0))
    return ops.cast(laplace_mean - laplace_scale * sign * tail, w.dtype)


def laplace_to_gaussian(inputs: Any, mean: Any = None, deviation: Any = None) -> Any:
    """Maps a Laplacian sample to a standard Gaussian one by the monotone optimal transport.

    The inverse of `gaussian_to_laplace`, for a convolution that shares the kernel of an adder
    layer. With `t = sqrt(2) * |w - mean| / deviation`, the map is
    `sign(w - mean) * sqrt(2) * erfinv(1 - exp(-t))`. Mean and deviation are constants in the
    gradient, and `t` is limited to 12, where the result is 4.5.

    Args:
        inputs: Float tensor of any shape.
        mean: Mean of the Laplace distribution; by default that of `inputs`.
        deviation: Standard deviation of the Laplace distribution; by default that of `inputs`.
            Inputs that are all equal map to 0.

    Returns:
        Tensor of the shape and dtype of `inputs`, of mean 0 and deviation 1 where `inputs` has
        a Laplace distribution.

    Example:

    >>> kernel = keras.random.normal((3, 3, 16, 16))
    >>> keras_shiftadd.ops.laplace_to_gaussian(kernel).shape
    (3, 3, 16, 16)

    Reference:
        - Takes the place of the binned sharing of [You et al., 2022, ShiftAddNAS](
        https://arxiv.org/abs/2205.08119), section 4.2; see `binned_gain` for that form.
    """
    w, mean, deviation = _moments(inputs, mean, deviation)
    distance = _standardized(w, mean, deviation)
    # The two branches of |distance| by hand: the derivative of abs is zero at zero.
    sign = ops.cast(ops.where(distance < 0, -1.0, 1.0), w.dtype)
    scales = ops.minimum(distance * sign * math.sqrt(2.0), _MAX_SCALES)
    return ops.cast(sign * math.sqrt(2.0) * ops.erfinv(-ops.expm1(-scales)), w.dtype)


def _moments(inputs: Any, mean: Any, deviation: Any) -> tuple[Any, Any, Any]:
    """The inputs, and their mean and deviation where none are given, as constants."""
    w = plain_tensor(inputs)
    mean = ops.mean(w) if mean is None else mean
    deviation = ops.std(w) if deviation is None else deviation
    constants = (ops.stop_gradient(ops.cast(value, w.dtype)) for value in (mean, deviation))
    return (w, *constants)


def _standardized(w: Any, mean: Any, deviation: Any) -> Any:
    spread = deviation > 0
    return ops.where(spread, (w - mean) / ops.where(spread, deviation, 1.0), 0.0)
