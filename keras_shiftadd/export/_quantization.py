"""Affine int8 numbers: `real = scale * (integer - zero_point)`."""

from dataclasses import dataclass

import numpy as np

INT8_MIN, INT8_MAX = -128, 127
# A bias is stored as int32 in units of input scale times kernel scale; half the range is kept
# free for the sum that it is added to.
_LARGEST_BIAS = 2.0**30
_SMALLEST_SCALE = 1e-12
# LiteRT's kernels (XNNPACK) take factors below 256 from the steps of a sum to those of its result.
_FINEST_STEP = 2.0**-7


@dataclass(frozen=True)
class Quantization:
    """Scale and zero point of an int8 tensor.

    Args:
        scale: Positive float, the step between neighbouring integers. It is a float32 number, as
            the file stores it.
        zero_point: Integer from -128 to 127 that stands for 0.0.
    """

    scale: float
    zero_point: int

    @classmethod
    def from_range(cls, low: float, high: float) -> "Quantization":
        """The finest quantisation that holds `low`, `high` and 0.0."""
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        scale = float(np.float32(max((high - low) / (INT8_MAX - INT8_MIN), _SMALLEST_SCALE)))
        zero_point = round(INT8_MIN - low / scale)
        return cls(scale, int(np.clip(zero_point, INT8_MIN, INT8_MAX)))

    def fit(self, unit: float) -> "Quantization":
        """This quantisation, not much finer than the steps in which a result is computed.

        A tensor that hardly varies, such as the output of a ReLU that is never active, would ask
        for a factor that the runtimes' kernels cannot hold; some end the process then.

        Args:
            unit: Step in which the result is computed, such as the product of two scales.
        """
        constant = self.scale <= float(np.float32(_SMALLEST_SCALE))
        smallest = float(np.float32(unit if constant else unit * _FINEST_STEP))
        return self if self.scale >= smallest else Quantization(smallest, self.zero_point)

    @property
    def low(self) -> float:
        """The smallest number that can be held."""
        return self.scale * (INT8_MIN - self.zero_point)

    @property
    def high(self) -> float:
        """The largest number that can be held."""
        return self.scale * (INT8_MAX - self.zero_point)

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """Float numbers to int8, rounded to nearest and saturated."""
        integers = np.rint(np.asarray(values, np.float64) / self.scale) + self.zero_point
        return np.clip(integers, INT8_MIN, INT8_MAX).astype(np.int8)

    def dequantize(self, integers: np.ndarray) -> np.ndarray:
        """int8 to float32."""
        return (self.scale * (integers.astype(np.float32) - self.zero_point)).astype(np.float32)


def constant_quantization(values: np.ndarray) -> Quantization:
    """The quantisation of a constant tensor with one scale."""
    return Quantization.from_range(values.min(initial=0.0), values.max(initial=0.0))


def quantize_kernel(
    kernel: np.ndarray,
    gain: np.ndarray,
    bias: np.ndarray,
    input_scale: float,
    powers_of_two: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantises `gain * kernel` and a bias, one scale per output channel.

    The gain of a channel (a folded BatchNormalization) goes into the channel's scale, so that the
    integers are those of the kernel itself, with the sign of the gain.

    Args:
        kernel: Float array with the output channels on the last axis.
        gain: Float array, a factor per output channel.
        bias: Float array, a summand per output channel.
        input_scale: Scale of the tensor that the kernel is applied to.
        powers_of_two: Whether the kernel's entries are 0 or powers of two. They are then kept
            exact: 64, 32, ..., 1 stand for the largest of a channel and the six below it, and
            anything smaller becomes 0.

    Returns:
        int8 kernel, float32 scales, int32 bias.
    """
    flat = np.abs(kernel.reshape(-1, kernel.shape[-1]).astype(np.float64))
    largest = flat.max(axis=0, initial=0.0)
    largest[largest == 0.0] = 1.0
    scales = 2.0 ** (np.floor(np.log2(largest)) - 6) if powers_of_two else largest / INT8_MAX
    gain = np.asarray(gain, np.float64)
    magnitude = np.abs(gain)
    magnitude[magnitude < _SMALLEST_SCALE] = 1.0
    sign = np.sign(gain)
    sign[np.abs(gain) < _SMALLEST_SCALE] = 0.0
    needed = np.abs(bias) / (_LARGEST_BIAS * input_scale * scales * magnitude)
    # Powers of two stay exact when the scale grows by a power of two.
    scales = scales * 2.0 ** np.ceil(np.log2(np.maximum(needed, 1.0)))
    integers = np.clip(np.rint(sign * kernel / scales), -INT8_MAX, INT8_MAX).astype(np.int8)
    channel_scales = (scales * magnitude).astype(np.float32)
    bias_integers = np.rint(bias / (np.float64(input_scale) * channel_scales)).astype(np.int32)
    return integers, channel_scales, bias_integers
