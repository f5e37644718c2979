"""Quantisers: the int8 arithmetic of the export, with gradients that pass the rounding."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow_model_optimization.quantization.keras.quantizers import Quantizer

from keras_shiftadd.ops import round_to_power_of_two

_INT8_MIN, _INT8_MAX = -128, 127
_STEPS = _INT8_MAX - _INT8_MIN
_SMALLEST_SCALE = 1e-12
# A range is trained as factors of what it was at first, within these.
_FACTORS = (1 / 16, 16.0)
# Powers of two that int8 holds below the largest of a channel: 64, 32, ..., 1.
POWERS_BELOW = 6


class RangeQuantizer(Quantizer):
    """Int8 numbers of a trained range.

    Beyond the range the gradient goes to its limits. Inside it passes to the tensor, and the error
    of the rounding trains the step between the numbers (learned step size quantisation).

    Args:
        low: Lower limit at first, not above 0.
        high: Upper limit at first, not below 0.
        elements: Of the tensor in one sample: how much the gradient of the range is divided.
        trainable: Whether the range is trained.
    """

    def __init__(self, low: float, high: float, elements: int, trainable: bool = True) -> None:
        self.low, self.high = low, max(high, low + _STEPS * _SMALLEST_SCALE)
        self.elements, self.trainable = elements, trainable
        self.factors: dict[str, Any] = {}

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Makes the factors of both limits, as weights of a layer."""
        self.factors = {
            side: layer.add_weight(
                name=f"{name}_{side}_factor",
                shape=(),
                initializer=tf_keras.initializers.Constant(1.0),
                trainable=self.trainable,
                constraint=lambda value: tf.clip_by_value(value, *_FACTORS),
            )
            for side in ("low", "high")
        }
        return self.factors

    def numbers(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The scale and the zero point, as tensors."""
        low, high = (self._limit(side, start) for side, start in self._starts())
        scale = tf.maximum((high - low) / _STEPS, _SMALLEST_SCALE)
        zero = tf.round(_INT8_MIN - tf.stop_gradient(low / scale))
        return scale, tf.clip_by_value(zero, _INT8_MIN, _INT8_MAX)

    def range(self) -> tuple[float, float]:
        """The limits, as the export takes them."""
        scale, zero = (float(np.float32(number)) for number in self.numbers())
        return scale * (_INT8_MIN - zero), scale * (_INT8_MAX - zero)

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> tf.Tensor:
        scale, zero = self.numbers()
        low, high = (self._limit(side, start) for side, start in self._starts())
        # The limits are where the integers end; their gradient is that of the trained ones.
        low += tf.stop_gradient((_INT8_MIN - zero) * scale - low)
        high += tf.stop_gradient((_INT8_MAX - zero) * scale - high)
        steps = tf.minimum(tf.maximum(inputs, low), high) / scale
        return scale * (steps + tf.stop_gradient(tf.round(steps) - steps))

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "low": self.low,
            "high": self.high,
            "elements": self.elements,
            "trainable": self.trainable,
        }

    def _starts(self) -> tuple[tuple[str, float], tuple[str, float]]:
        return ("low", self.low), ("high", self.high)

    def _limit(self, side: str, start: float) -> tf.Tensor:
        factor = tf.convert_to_tensor(self.factors[side])
        share = self.elements**-0.5
        return start * (factor * share + tf.stop_gradient(factor * (1.0 - share)))


class _KernelQuantizer(Quantizer):
    """A quantiser of a kernel, without weights of its own.

    Args:
        trainable: Whether the gradient passes to the kernel.
    """

    def __init__(self, trainable: bool) -> None:
        self.trainable = trainable

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Makes nothing."""
        return {}

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> tf.Tensor:
        kernel = tf.convert_to_tensor(inputs)
        if not self.trainable:
            kernel = tf.stop_gradient(kernel)
        return kernel + tf.stop_gradient(self.quantized(kernel) - kernel)

    def quantized(self, kernel: tf.Tensor) -> tf.Tensor:
        """The numbers that the kernel has in int8."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"trainable": self.trainable}


class ChannelQuantizer(_KernelQuantizer):
    """A symmetric scale for each output channel.

    Args:
        trainable: Whether the gradient passes to the kernel.
        channel_axes: How many axes, from the last, count channels: 2 for depthwise kernels.
    """

    def __init__(self, trainable: bool, channel_axes: int = 1) -> None:
        super().__init__(trainable)
        self.channel_axes = channel_axes

    def quantized(self, kernel: tf.Tensor) -> tf.Tensor:
        """Integers from -127 to 127 times the scale of their channel."""
        scale = _largest(kernel, self.channel_axes) / _INT8_MAX
        scale = tf.where(scale > 0.0, scale, 1.0)
        return tf.round(tf.clip_by_value(kernel / scale, -_INT8_MAX, _INT8_MAX)) * scale

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "channel_axes": self.channel_axes}


class PowerOfTwoQuantizer(ChannelQuantizer):
    """Powers of two; those below 1/64 of the largest of a channel are 0.

    Args:
        trainable: Whether the gradient passes to the kernel.
        weight_bits: Of the layer.
        max_exponent: Of the layer.
        channel_axes: How many axes, from the last, count channels.
    """

    def __init__(
        self, trainable: bool, weight_bits: int, max_exponent: int, channel_axes: int = 1
    ) -> None:
        super().__init__(trainable, channel_axes)
        self.weight_bits, self.max_exponent = weight_bits, max_exponent

    def quantized(self, kernel: tf.Tensor) -> tf.Tensor:
        """Zeros and powers of two."""
        powers = round_to_power_of_two(kernel, self.weight_bits, self.max_exponent)
        least = _largest(powers, self.channel_axes) * 2.0**-POWERS_BELOW
        return tf.where(tf.abs(powers) >= least, powers, 0.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "weight_bits": self.weight_bits,
            "max_exponent": self.max_exponent,
        }


class ExponentQuantizer(ChannelQuantizer):
    """Trained exponents, none more than 6 below the largest of its channel."""

    def quantized(self, kernel: tf.Tensor) -> tf.Tensor:
        """The exponents, limited from below."""
        axes = list(range(len(kernel.shape) - self.channel_axes))
        largest = tf.reduce_max(tf.round(kernel), axis=axes, keepdims=True)
        return tf.maximum(kernel, largest - POWERS_BELOW)


class AdderQuantizer(_KernelQuantizer):
    """The int8 numbers of an adder layer's input.

    Args:
        trainable: Whether the gradient passes to the kernel.
        inputs: The quantiser of the input.
    """

    def __init__(self, trainable: bool, inputs: RangeQuantizer) -> None:
        super().__init__(trainable)
        self.inputs = inputs

    def quantized(self, kernel: tf.Tensor) -> tf.Tensor:
        """Numbers on the grid of the input, within its range."""
        scale, _ = self.inputs.numbers()
        return tf.round(self.within(kernel) / scale) * scale

    def within(self, kernel: tf.Tensor) -> tf.Tensor:
        """The kernel within the range of the input."""
        scale, zero = self.inputs.numbers()
        low, high = (_INT8_MIN - zero) * scale, (_INT8_MAX - zero) * scale
        return tf.clip_by_value(kernel, low, high)


def _largest(kernel: tf.Tensor, channel_axes: int) -> tf.Tensor:
    """The largest magnitude of each channel, with axes of 1 for the others."""
    axes = list(range(len(kernel.shape) - channel_axes))
    return tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True)
