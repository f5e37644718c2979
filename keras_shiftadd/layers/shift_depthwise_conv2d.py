"""ShiftDepthwiseConv2D."""

from typing import Any

import keras

from keras_shiftadd.layers._depthwise_base import DepthwiseConvBase
from keras_shiftadd.layers._shift_kernel import ShiftKernel


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class ShiftDepthwiseConv2D(ShiftKernel, DepthwiseConvBase):
    """Depthwise 2D convolution whose weights are powers of two.

    Takes the place of `keras.layers.DepthwiseConv2D`.

    Each weight is `+-2 ** e` (or zero, depending on the form), so that on integers a product is a
    shift by `e` bits. While training, gradients pass the rounding unchanged (straight-through).

    Args:
        kernel_size: Integer or tuple of 2 integers, size of the window.
        strides: Integer or tuple of 2 integers. Above 1 it excludes `dilation_rate` above 1.
        padding: `"valid"` or `"same"`.
            Padded positions hold zero.
        depth_multiplier: Integer, number of output channels for each input channel.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or tuple of 2 integers, distance between the taps of the kernel.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added before the activation.
        depthwise_initializer: Initializer of the kernel. `None` takes the form's own: Glorot
            uniform for `"quantized"`; for the others a uniform exponent and a random sign (of
            low variance for `"dense"`). A given initializer is split into sign and exponent.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Regularizer of the kernel; in the last two forms, of the rounded one.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        depthwise_constraint: Constraint of the float kernel, for `"quantized"` only.
        bias_constraint: Constraint of the bias.
        form: How the kernel is trained. `"quantized"` (DeepShift-Q): a float kernel, rounded to
            the nearest power of two. `"sign_exponent"` (DeepShift-PS): a sign, which may be zero,
            and an exponent are trained. `"dense"` (DenseShift): sign and exponent, without a
            zero; the better one at 2 to 4 bits. The last two want an adaptive optimiser (Adam,
            RAdam).
        weight_bits: Integer, 2 to 8. One bit is the sign; the others number
            `2 ** (weight_bits - 1)` exponents from `max_exponent` down (one less for
            `"sign_exponent"`, which has a zero).
        max_exponent: Integer, exponent of the largest magnitude; 0 limits weights to +-1.
        activation_bits: `None`, or a tuple `(integer_bits, fraction_bits)`: inputs are rounded
            to fixed point first. The paper uses `(16, 16)`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        4D tensor `(batch, height, width, channels)`, or `(batch, channels, height, width)` with
        `data_format="channels_first"`.

    Output shape:
        4D tensor `(batch, new_height, new_width, channels * depth_multiplier)`, or with the
        channels second.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 28, 28, 8))
    >>> keras_shiftadd.layers.ShiftDepthwiseConv2D(3, padding="same")(x).shape
    (4, 28, 28, 8)

    Reference:
        - [Elhoushi et al., 2021, DeepShift](https://arxiv.org/abs/1905.13298), section 3.
        - [Li et al., 2023, DenseShift](https://arxiv.org/abs/2208.09708), for `form="dense"`.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...] = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | tuple[int, ...] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        form: str = "quantized",
        weight_bits: int = 5,
        max_exponent: int = 0,
        activation_bits: tuple[int, int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=2,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            depth_multiplier=depth_multiplier,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
            form=form,
            weight_bits=weight_bits,
            max_exponent=max_exponent,
            activation_bits=activation_bits,
            **kwargs,
        )
