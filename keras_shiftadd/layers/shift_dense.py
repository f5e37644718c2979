"""ShiftDense."""

from typing import Any

import keras

from keras_shiftadd.layers._dense_base import DenseBase
from keras_shiftadd.layers._shift_kernel import ShiftKernel


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class ShiftDense(ShiftKernel, DenseBase):
    """Dense layer whose weights are powers of two.

    Takes the place of `keras.layers.Dense`.

    Each weight is `+-2 ** e` (or zero, depending on the form), so that on integers a product is a
    shift by `e` bits. While training, gradients pass the rounding unchanged (straight-through).

    Args:
        units: Integer, size of the output.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added before the activation.
        kernel_initializer: Initializer of the kernel. `None` takes the form's own: Glorot
            uniform for `"quantized"`; for the others a uniform exponent and a random sign (of
            low variance for `"dense"`). A given initializer is split into sign and exponent.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the kernel; in the last two forms, of the rounded one.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint of the float kernel, for `"quantized"` only.
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
        Tensor `(batch, ..., channels)`.

    Output shape:
        Tensor `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 32))
    >>> keras_shiftadd.layers.ShiftDense(10)(x).shape
    (4, 10)

    Reference:
        - [Elhoushi et al., 2021, DeepShift](https://arxiv.org/abs/1905.13298), section 3.
        - [Li et al., 2023, DenseShift](https://arxiv.org/abs/2208.09708), for `form="dense"`.
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
        form: str = "quantized",
        weight_bits: int = 5,
        max_exponent: int = 0,
        activation_bits: tuple[int, int] | None = None,
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
            form=form,
            weight_bits=weight_bits,
            max_exponent=max_exponent,
            activation_bits=activation_bits,
            **kwargs,
        )
