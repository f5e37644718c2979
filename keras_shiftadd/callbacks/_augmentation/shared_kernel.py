"""Kernels of the tiny network as kernels of convolutions of the wide one."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd import layers
from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers._adder_kernel import AdderKernel
from keras_shiftadd.layers._shift_kernel import ShiftKernel

BINS = 100


def operator_of(layer: Any) -> str:
    """`"conv"`, `"shift"` or `"adder"`."""
    return getattr(layer, "operator", "conv")


def tiny_kernel(layer: Any) -> Any:
    """The trained kernel as a tensor, before rounding where the layer trains one."""
    if isinstance(layer, ShiftKernel) and layer.form != "quantized":
        return layer.effective_kernel()
    return ops.convert_to_tensor(layer.kernel)


def round_like(layer: Any, kernel: Any) -> Any:
    """Rounds a float kernel to the powers of two that a shift layer has."""
    return shiftadd_ops.round_to_power_of_two(kernel, layer.weight_bits, layer.max_exponent)


class SharedKernel:
    """Maps the kernel of a layer to one that a convolution can use.

    A convolution and a shift layer share their float kernel as it is. The kernel of an adder layer
    is mapped, as `weight_sharing` says, to the distribution of convolution kernels; its gradient
    is brought to the norm that the layer's own has, times `loss_weight`.

    Args:
        layer: a built layer with a kernel.
        weight_sharing: see `HybridAugmentation`.
        deviation: standard deviation of the kernel that a convolution starts with.
        loss_weight: weight of the wide network's loss.
        seed: of the initial gains.
    """

    def __init__(
        self, layer: Any, weight_sharing: str, deviation: float, loss_weight: float, seed: int
    ) -> None:
        self._layer = layer
        self._weight_sharing = weight_sharing
        self._loss_weight = loss_weight
        self.variables: list[keras.Variable] = []
        if operator_of(layer) != "adder" or weight_sharing == "none":
            return
        if isinstance(layer, layers.HybridConv2D):
            return  # Its kernel is that of a convolution.
        if weight_sharing == "binned":
            initializer = keras.initializers.RandomNormal(stddev=deviation, seed=seed)
            self.variables = [keras.Variable(initializer((BINS,)), name=f"{layer.name}_gains")]
        else:
            self.variables = [
                keras.Variable(ops.full((), deviation), name=f"{layer.name}_gain"),
                keras.Variable(ops.zeros(()), name=f"{layer.name}_offset"),
            ]

    @property
    def has_inverse(self) -> bool:
        """Whether a kernel of a convolution has one of the layer: gains of bins have none."""
        return not (isinstance(self._layer, AdderKernel) and self._weight_sharing == "binned")

    def __call__(self) -> Any:
        """The kernel for a convolution."""
        kernel = tiny_kernel(self._layer)
        if not isinstance(self._layer, AdderKernel):
            return kernel
        if self._layer.gradient_scale is not None:
            scale = self._layer.gradient_scale * self._loss_weight
            kernel = shiftadd_ops.normalize_gradient(kernel, scale)
        if self._weight_sharing == "none":
            return kernel
        if self._weight_sharing == "binned":
            return shiftadd_ops.binned_gain(kernel, self.variables[0])
        mean = ops.stop_gradient(ops.mean(kernel))
        deviation = ops.stop_gradient(ops.std(kernel))
        if self._weight_sharing == "transport":
            unit = shiftadd_ops.laplace_to_gaussian(kernel, mean, deviation)
        else:
            unit = (kernel - mean) / ops.maximum(deviation, keras.config.epsilon())
        gain, offset = self.variables
        return unit * gain + offset

    def inverse(self, kernel: Any) -> Any:
        """The kernel of the layer that serves a convolution as the given one.

        With the mean and deviation that the layer's kernel has now.
        """
        layer = self._layer
        if not isinstance(layer, AdderKernel) or self._weight_sharing == "none":
            return kernel
        own = ops.convert_to_tensor(layer.kernel)
        gain, offset = map(ops.convert_to_tensor, self.variables)
        mean, deviation = ops.mean(own), ops.std(own)
        unit = (kernel - offset) / gain
        if self._weight_sharing == "gain":
            return mean + deviation * unit
        scale = deviation / math.sqrt(2.0)
        return shiftadd_ops.gaussian_to_laplace(unit, 0.0, 1.0, mean, scale)
