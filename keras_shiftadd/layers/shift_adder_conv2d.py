"""ShiftAdderConv2D."""

from typing import Any

import keras

from keras_shiftadd.layers.adder_conv2d import AdderConv2D
from keras_shiftadd.layers.shift_conv2d import ShiftConv2D


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class ShiftAdderConv2D(keras.layers.Layer):
    """Shift convolution followed by an adder convolution, as one layer.

    Takes the place of `keras.layers.Conv2D`. The shift layer carries the strides and changes the
    number of channels; the adder layer keeps size and channels. Between them they regain the
    expressiveness that each lacks alone. As the adder layer comes last, put a
    `BatchNormalization` behind this layer.

    The two are Keras layers of their own, `layer.shift` and `layer.adder`.

    Args:
        filters: Integer, number of output channels.
        kernel_size: Integer or tuple of 2 integers, size of the window of both layers.
        strides: Integer or tuple of 2 integers, of the shift layer.
        padding: `"valid"` or `"same"`, of the shift layer. The adder layer always pads to the
            same size, so that the output has the shape of a convolution's.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or tuple of 2 integers, of the shift layer.
        groups: Integer, of the shift layer.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added after the adder layer.
        kernel_initializer: Initializer of the shift kernel; see `ShiftConv2D`.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the shift kernel.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint of the shift kernel.
        bias_constraint: Constraint of the bias.
        form: Form of the shift kernel; see `ShiftConv2D`.
        weight_bits: Bits of the shift kernel; see `ShiftConv2D`.
        max_exponent: Largest exponent of the shift kernel; see `ShiftConv2D`.
        activation_bits: Fixed point of the inputs; see `ShiftConv2D`.
        freeze_shift: Boolean. True keeps the shift kernel as it was initialised and trains the
            adder kernel alone, the paper's variant with fixed shift layers.
        adder_initializer: Initializer of the adder kernel; see `AdderConv2D`.
        adder_regularizer: Regularizer of the adder kernel.
        adder_constraint: Constraint of the adder kernel.
        gradient: Gradient of the adder layer; see `AdderConv2D`.
        gradient_scale: Norm of the adder kernel's gradient; see `AdderConv2D`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        4D tensor `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`.

    Output shape:
        4D tensor `(batch, new_height, new_width, filters)`, or
        `(batch, filters, new_height, new_width)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 28, 28, 3))
    >>> keras_shiftadd.layers.ShiftAdderConv2D(16, 3, strides=2, padding="same")(x).shape
    (4, 14, 14, 16)

    Reference:
        - [You et al., 2020, ShiftAddNet](https://arxiv.org/abs/2010.12785), section 3.
    """

    operator = "shift_adder"

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        form: str = "quantized",
        weight_bits: int = 5,
        max_exponent: int = 0,
        activation_bits: tuple[int, int] | None = None,
        freeze_shift: bool = False,
        adder_initializer: Any = None,
        adder_regularizer: Any = None,
        adder_constraint: Any = None,
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activity_regularizer=keras.regularizers.get(activity_regularizer), **kwargs
        )
        self.freeze_shift = freeze_shift
        self.shift = ShiftConv2D(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            groups=groups,
            use_bias=False,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=kernel_regularizer,
            kernel_constraint=kernel_constraint,
            form=form,
            weight_bits=weight_bits,
            max_exponent=max_exponent,
            activation_bits=activation_bits,
            trainable=self.trainable and not freeze_shift,
            dtype=self.dtype_policy,
            name="shift",
        )
        self.adder = AdderConv2D(
            filters,
            kernel_size,
            padding="same",
            data_format=data_format,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=adder_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=adder_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=adder_constraint,
            bias_constraint=bias_constraint,
            gradient=gradient,
            gradient_scale=gradient_scale,
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name="adder",
        )

    @property
    def filters(self) -> int:
        """Number of output channels."""
        return self.shift.filters

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds both layers."""
        self.shift.build(input_shape)
        self.adder.build(self.shift.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Applies the shift layer, then the adder layer."""
        return self.adder(self.shift(inputs), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return self.shift.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        shift, adder = self.shift.get_config(), self.adder.get_config()
        of_shift = (
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            "dilation_rate",
            "groups",
            "kernel_initializer",
            "kernel_regularizer",
            "kernel_constraint",
            "form",
            "weight_bits",
            "max_exponent",
            "activation_bits",
        )
        of_adder = (
            "activation",
            "use_bias",
            "bias_initializer",
            "bias_regularizer",
            "bias_constraint",
            "gradient",
            "gradient_scale",
        )
        return {
            **super().get_config(),
            **{name: shift[name] for name in of_shift},
            **{name: adder[name] for name in of_adder},
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
            "adder_initializer": adder["kernel_initializer"],
            "adder_regularizer": adder["kernel_regularizer"],
            "adder_constraint": adder["kernel_constraint"],
            "freeze_shift": self.freeze_shift,
        }
