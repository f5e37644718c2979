"""FakeQuantization."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._numbers import is_number, positive

# A range narrower than this would have steps that vanish in float32.
_NARROWEST = 1e-6


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class FakeQuantization(keras.layers.Layer):
    """Rounds its inputs to the 256 numbers that int8 can stand for, with a range that is learned.

    The numbers are evenly spaced from `low` to `high`, and 0 is one of them; values beyond are
    saturated. The gradient passes the rounding unchanged (straight-through) and stops where values
    are saturated; there it goes to the end of the range. `keras_shiftadd.export.quantize` takes
    the range that was learned; `keras_shiftadd.export.quantization_aware` puts these layers where
    they belong.

    Args:
        low: Number, the initial lower end; at most 0.
        high: Number, the initial upper end; at least 0, and above `low`.
        num_bits: Integer, 2 to 16.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        Tensor of any shape.

    Output shape:
        That of the input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> layer = keras_shiftadd.layers.FakeQuantization(low=-1.0, high=2.0, num_bits=2)
    >>> layer(numpy.array([[-3.0, 0.2, 1.6, 7.0]]))
    [[-1.0, 0.0, 2.0, 2.0]]

    Reference:
        - [Jacob et al., 2018, Quantization and Training of Neural Networks for Efficient
          Integer-Arithmetic-Only Inference](https://arxiv.org/abs/1712.05877), section 3.
        - [Esser et al., 2020, Learned Step Size Quantization](https://arxiv.org/abs/1902.08153),
          section 2.2, for the scale of the gradient of the range.
    """

    def __init__(
        self, low: float = -1.0, high: float = 1.0, num_bits: int = 8, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("low", low), ("high", high)):
            if not is_number(value):
                raise ValueError(f"`{name}` must be a number. Received: {name}={value!r}.")
        if not low <= 0 <= high or low == high or not math.isfinite(high - low):
            raise ValueError(
                f"`low` and `high` must hold 0 between them. Received: low={low}, high={high}."
            )
        self.num_bits = positive(num_bits, "num_bits")
        if not 2 <= self.num_bits <= 16:
            raise ValueError(f"`num_bits` must be from 2 to 16. Received: num_bits={num_bits}.")
        self.low, self.high = float(low), float(high)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the ends of the range."""
        for name, value in (("low", self.low), ("high", self.high)):
            weight = self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(value),
                autocast=False,
            )
            setattr(self, f"learned_{name}", weight)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Rounds and saturates."""
        # The gradient of an end is a sum over all saturated values.
        size = math.prod(size for size in inputs.shape[1:] if size is not None)
        share = 1.0 / math.sqrt(max(size, 1) * 2.0**self.num_bits)
        low, high = (share * end + ops.stop_gradient((1.0 - share) * end) for end in self._ends())
        outputs = keras.quantizers.fake_quant_with_min_max_vars(
            ops.cast(inputs, "float32"), low, high, num_bits=self.num_bits
        )
        return ops.cast(outputs, inputs.dtype)

    def learned_range(self) -> tuple[float, float]:
        """The ends of the range as they are now.

        Returns:
            Two numbers, the lower end first; 0 lies between them.
        """
        low, high = (float(ops.convert_to_numpy(end)) for end in self._ends())
        return low, high

    def _ends(self) -> tuple[Any, Any]:
        low = ops.minimum(ops.convert_to_tensor(self.learned_low), 0.0)
        high = ops.maximum(ops.convert_to_tensor(self.learned_high), 0.0)
        return low, ops.maximum(high, low + _NARROWEST)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the output."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "low": self.low,
            "high": self.high,
            "num_bits": self.num_bits,
        }
