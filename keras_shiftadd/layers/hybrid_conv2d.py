"""HybridConv2D."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._adder_kernel import (
    gradient_scale_argument,
    warn_if_loss_scaling_cancels,
)
from keras_shiftadd.layers._conv_base import ConvBase
from keras_shiftadd.layers._normalization import warn_enclosing_model
from keras_shiftadd.ops import _numbers

OPERATORS = ("conv", "shift", "adder")


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridConv2D(ConvBase):
    """2D convolution with one float kernel that serves as conv, shift or adder kernel.

    Takes the place of `keras.layers.Conv2D`. The same trained tensor can be handed from one
    operator to another, which is what weight sharing in a search of hybrid networks needs:
    a convolution uses it as it is, a shift layer rounds it to powers of two, and an adder layer
    maps it to the distribution that adder kernels have.

    Args:
        filters: Integer, number of output channels.
        kernel_size: Integer or tuple of 2 integers, size of the window.
        strides: Integer or tuple of 2 integers. Above 1 it excludes `dilation_rate` above 1.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"`, `"channels_first"`, or `None` for Keras' default.
        dilation_rate: Integer or tuple of 2 integers, distance between the taps of the kernel.
        groups: Integer. Inputs and filters are split into as many groups along the channels.
        activation: Activation function or its name; `None` for none.
        use_bias: Boolean, whether a bias is added before the activation.
        kernel_initializer: Initializer of the shared kernel. `None` is Glorot normal.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Regularizer of the shared kernel.
        bias_regularizer: Regularizer of the bias.
        activity_regularizer: Regularizer of the output.
        kernel_constraint: Constraint of the shared kernel.
        bias_constraint: Constraint of the bias.
        operator: `"conv"`, `"shift"` or `"adder"`.
        weight_sharing: How `"adder"` gets its kernel from the shared one.
            `"transport"`: the Gaussian is mapped to a Laplace distribution of deviation 1
            (`keras_shiftadd.ops.gaussian_to_laplace`), then multiplied by a trained gain and
            moved by a trained offset, initially 1 and 0. `"gain"`: standardised only, then gain
            and offset. `"binned"`: the papers' form, a trained gain for each of `bins` equal
            ranges of values. `"none"`: as it is.
        bins: Integer, bins of `weight_sharing="binned"`.
        weight_bits: Bits of `"shift"`; see `ShiftConv2D`.
        max_exponent: Largest exponent of `"shift"`; see `ShiftConv2D`.
        gradient: Gradient of `"adder"`; see `AdderConv2D`.
        gradient_scale: Norm of the gradient of `"adder"`; see `AdderConv2D`. In `"transport"` and
            `"gain"` the shared kernel's gradient is brought to this norm times its own standard
            deviation, so that it moves by the same fraction as an adder kernel of its own.
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

    >>> conv = keras_shiftadd.layers.HybridConv2D(16, 3, operator="conv")
    >>> conv.build((None, 28, 28, 3))
    >>> adder = keras_shiftadd.layers.HybridConv2D(16, 3, operator="adder")
    >>> adder.build((None, 28, 28, 3))
    >>> adder.kernel.assign(conv.kernel)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.2, for
        heterogeneous weight sharing.
    """

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
        operator: str = "conv",
        weight_sharing: str = "transport",
        bins: int = 100,
        weight_bits: int = 5,
        max_exponent: int = 0,
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=2,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            groups=groups,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.operator = _arguments.one_of(operator, OPERATORS, "operator")
        self.weight_sharing = _arguments.one_of(
            weight_sharing, shiftadd_ops.WEIGHT_SHARINGS, "weight_sharing"
        )
        self.bins = _numbers.positive(bins, "bins")
        self.exponents = shiftadd_ops.quantized_exponents(weight_bits, max_exponent)
        self.weight_bits = weight_bits
        self.max_exponent = max_exponent
        self.gradient = _arguments.one_of(gradient, shiftadd_ops.ADDER_GRADIENTS, "gradient")
        self.gradient_scale = gradient_scale_argument(gradient_scale)
        self._looked_for_normalization = False

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            initializer=self.kernel_initializer or "glorot_normal",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,
        )
        if self.operator != "adder":
            return
        if self.gradient_scale is not None:
            warn_if_loss_scaling_cancels(self)
        if self.weight_sharing == "binned":
            self.adder_gain = self.add_weight(
                name="adder_gain",
                shape=(self.bins,),
                initializer=keras.initializers.RandomNormal(stddev=1.0),
                autocast=False,
            )
        elif self.weight_sharing in ("transport", "gain"):
            self.adder_gain = self.add_weight(
                name="adder_gain", shape=(), initializer="ones", autocast=False
            )
            self.adder_offset = self.add_weight(
                name="adder_offset", shape=(), initializer="zeros", autocast=False
            )

    def _adder_kernel(self) -> Any:
        return shiftadd_ops.shared_adder_kernel(
            self.kernel,
            self.weight_sharing,
            gain=getattr(self, "adder_gain", None),
            offset=getattr(self, "adder_offset", None),
            gradient_scale=self.gradient_scale,
        )

    def _operator_kernel(self) -> Any:
        if self.operator == "adder":
            return self._adder_kernel()
        if self.operator == "shift":
            return shiftadd_ops.round_to_power_of_two(
                self.kernel, self.weight_bits, self.max_exponent
            )
        return ops.convert_to_tensor(self.kernel)

    def effective_kernel(self) -> Any:
        """Returns the kernel that the chosen operator uses, as a float32 tensor."""
        return ops.cast(self._operator_kernel(), "float32")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Applies the operator, the bias and the activation."""
        if training and self.operator == "adder" and not self._looked_for_normalization:
            self._looked_for_normalization = True
            warn_enclosing_model(self)
        return super().call(inputs)

    def _operate(self, inputs: Any) -> Any:
        if self.operator == "adder":
            return self._compare(inputs, self._operator_kernel(), self.gradient)
        return self._convolve(inputs, self._operator_kernel())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "operator": self.operator,
            "weight_sharing": self.weight_sharing,
            "bins": self.bins,
            "weight_bits": self.weight_bits,
            "max_exponent": self.max_exponent,
            "gradient": self.gradient,
            "gradient_scale": self.gradient_scale,
        }
