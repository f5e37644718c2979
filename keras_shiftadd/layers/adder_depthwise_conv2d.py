"""AdderDepthwiseConv2D."""

from typing import Any

import keras

from keras_shiftadd.layers._adder_kernel import AdderKernel
from keras_shiftadd.layers._depthwise_base import DepthwiseConvBase


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class AdderDepthwiseConv2D(AdderKernel, DepthwiseConvBase):
    """Depthwise 2D adder convolution: L1 distances instead of products.

    Takes the place of `keras.layers.DepthwiseConv2D`.

    The output is minus the sum of the absolute differences
    between patch and kernel, `y = -sum |x - w|`. Outputs are large and negative: put a
    `BatchNormalization` behind the layer, or training stays at chance (a model without one
    earns a `MissingNormalizationWarning`). `use_bias=False` suits that. The statistics of that
    normalisation lag behind the training of an adder network; validation accuracy in the middle
    of training can read far too low.

    Args:
        kernel_size: Integer or tuple of 2 integers, size of the window.
        strides: Integer or tuple of 2 integers. Above 1 it excludes `dilation_rate` above 1.
        padding: `"valid"` or `"same"`.
            Padded positions hold zero and contribute `-|w|`.
        depth_multiplier: Integer, number of output channels for each input channel.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or tuple of 2 integers, distance between the taps of the kernel.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added before the activation.
        depthwise_initializer: Initializer of the kernel. `None` is a normal distribution of
            deviation 1, as in the paper: a narrow one trains badly.
        bias_initializer: Initializer of the bias.
        depthwise_regularizer: Regularizer of the kernel.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        depthwise_constraint: Constraint of the kernel.
        bias_constraint: Constraint of the bias.
        gradient: What stands in for the derivative of the absolute value:
            `"full_precision"` (the paper's), `"plain"` (its input gradient not clipped) or
            `"sign"` (the subgradient). See `keras_shiftadd.ops.adder_conv`.
        gradient_scale: The kernel's gradient is brought to the L2 norm
            `gradient_scale * sqrt(kernel elements)`; `None` leaves it as it is. See
            `keras_shiftadd.ops.normalize_gradient`.
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
    >>> keras_shiftadd.layers.AdderDepthwiseConv2D(3, padding="same")(x).shape
    (4, 28, 28, 8)

    Reference:
        - [Chen et al., 2020, AdderNet: Do We Really Need Multiplications in Deep Learning?](
        https://arxiv.org/abs/1912.13200), equations 2, 5, 6, 12 and 13.
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
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
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
            gradient=gradient,
            gradient_scale=gradient_scale,
            **kwargs,
        )
