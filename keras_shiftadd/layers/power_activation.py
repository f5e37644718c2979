"""PowerActivation."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._numbers import is_number


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class PowerActivation(keras.layers.Layer):
    """Signed power, `sign(x) * |x| ** exponent`, with a trained exponent.

    Outputs of adder layers are smooth and all alike; an exponent above 1 sharpens them, one below
    1 flattens them. The activation belongs behind the `BatchNormalization` of an adder layer,
    before or in the place of its ReLU. It is no product of two inputs, but no addition either: on
    integers of 8 bits it is a table of 256 entries.

    Args:
        exponent: Number above 0, the exponent at the start. With 1 the layer begins as the
            identity.
        trainable_exponent: Boolean, whether the exponent is trained.
        min_exponent: Number above 0; a trained exponent below it counts as this. Small exponents
            have steep gradients at 0.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        Any.

    Output shape:
        Same as the input.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> layer = keras_shiftadd.layers.PowerActivation(2.0)
    >>> layer(numpy.array([-3.0, 0.0, 2.0], "float32"))
    [-9.0, 0.0, 4.0]

    Reference:
        - [Song et al., 2021, AdderSR: Towards Energy Efficient Image Super-Resolution](
        https://arxiv.org/abs/2009.08891)
    """

    def __init__(
        self,
        exponent: float = 1.0,
        trainable_exponent: bool = True,
        min_exponent: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("exponent", exponent), ("min_exponent", min_exponent)):
            if not (is_number(value) and 0 < value < float("inf")):
                raise ValueError(f"`{name}` must be a number above 0. Received: {name}={value!r}.")
        if exponent < min_exponent:
            raise ValueError(
                "`exponent` must be at least `min_exponent`. Received: "
                f"exponent={exponent}, min_exponent={min_exponent}."
            )
        self.initial_exponent = float(exponent)
        self.trainable_exponent = bool(trainable_exponent)
        self.min_exponent = float(min_exponent)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Creates the exponent."""
        self.exponent = self.add_weight(
            name="exponent",
            shape=(),
            initializer=keras.initializers.Constant(self.initial_exponent),
            trainable=self.trainable_exponent,
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Applies the power."""
        exponent = ops.maximum(ops.cast(self.exponent, inputs.dtype), self.min_exponent)
        magnitude = ops.abs(inputs)
        # The gradients of |x| ** e and of its exponent do not exist at 0: there 1 stands in.
        is_zero = magnitude < 1e-6
        power = ops.power(ops.where(is_zero, ops.ones_like(magnitude), magnitude), exponent)
        return ops.where(is_zero, inputs, ops.sign(inputs) * power)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "exponent": self.initial_exponent,
            "trainable_exponent": self.trainable_exponent,
            "min_exponent": self.min_exponent,
        }
