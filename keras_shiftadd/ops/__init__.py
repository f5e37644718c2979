"""Differentiable functions behind the layers, written once for all Keras backends."""

from keras_shiftadd.ops._adder import (
    ADDER_GRADIENTS,
    adder_conv,
    adder_dense,
    adder_depthwise_conv,
)
from keras_shiftadd.ops._adder_matmul import adder_matmul
from keras_shiftadd.ops._binned_gain import binned_gain
from keras_shiftadd.ops._fixed_point import check_fixed_point_bits, round_to_fixed_point
from keras_shiftadd.ops._laplace import gaussian_to_laplace, laplace_to_gaussian, log_erfc
from keras_shiftadd.ops._linear_attention import binarize, linear_angular_attention
from keras_shiftadd.ops._memory import memory_limit, set_memory_limit
from keras_shiftadd.ops._normalize_gradient import normalize_gradient
from keras_shiftadd.ops._power_of_two import (
    power_of_two_from_sign_exponent,
    quantized_exponents,
    round_to_power_of_two,
    sign_exponent_exponents,
    zero_free_power_of_two,
)
from keras_shiftadd.ops._weight_sharing import WEIGHT_SHARINGS, shared_adder_kernel

__all__ = [
    "ADDER_GRADIENTS",
    "WEIGHT_SHARINGS",
    "adder_conv",
    "adder_dense",
    "adder_depthwise_conv",
    "adder_matmul",
    "binarize",
    "binned_gain",
    "check_fixed_point_bits",
    "gaussian_to_laplace",
    "laplace_to_gaussian",
    "linear_angular_attention",
    "log_erfc",
    "memory_limit",
    "normalize_gradient",
    "power_of_two_from_sign_exponent",
    "quantized_exponents",
    "round_to_fixed_point",
    "round_to_power_of_two",
    "set_memory_limit",
    "shared_adder_kernel",
    "sign_exponent_exponents",
    "zero_free_power_of_two",
]
