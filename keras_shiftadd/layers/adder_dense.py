"""AdderDense."""

from typing import Any

import keras

from keras_shiftadd.layers._adder_kernel import AdderKernel
from keras_shiftadd.layers._dense_base import DenseBase


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class AdderDense(AdderKernel, DenseBase):
    """Adder dense layer: L1 distances instead of products.

    Takes the place of `keras.layers.Dense`.

    The output is minus the sum of the absolute differences
    between input and kernel, `y = -sum |x - w|`. Outputs are large and negative: put a
    `BatchNormalization` behind the layer, or training stays at chance (a model without one
    earns a `MissingNormalizationWarning`). `use_bias=False` suits that. The statistics of that
    normalisation lag behind the training of an adder network; validation accuracy in the middle
    of training can read far too low.

    Args:
        units: Integer, size of the output.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added before the activation.
        kernel_initializer: Initializer of the kernel. `None` is a normal distribution of
            deviation 1, as in the paper: a narrow one trains badly.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint of the kernel.
        bias_constraint: Constraint of the bias.
        gradient: What stands in for the derivative of the absolute value:
            `"full_precision"` (the paper's), `"plain"` (its input gradient not clipped) or
            `"sign"` (the subgradient). See `keras_shiftadd.ops.adder_conv`.
        gradient_scale: The kernel's gradient is brought to the L2 norm
            `gradient_scale * sqrt(kernel elements)`; `None` leaves it as it is. See
            `keras_shiftadd.ops.normalize_gradient`.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Input shape:
        Tensor `(batch, ..., channels)`.

    Output shape:
        Tensor `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 32))
    >>> keras_shiftadd.layers.AdderDense(10)(x).shape
    (4, 10)

    Reference:
        - [Chen et al., 2020, AdderNet: Do We Really Need Multiplications in Deep Learning?](
        https://arxiv.org/abs/1912.13200), equations 2, 5, 6, 12 and 13.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            gradient=gradient,
            gradient_scale=gradient_scale,
            **kwargs,
        )
