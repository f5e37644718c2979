"""A depthwise convolution along time whose kernels are shared by the channels of a head."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers._adder_kernel import adder_initializer, warn_if_loss_scaling_cancels
from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.ops._depthwise import depthwise_conv

LIGHTWEIGHT_OPERATORS = ("conv", "shift", "adder", "shift_adder")


class LightweightKernel(keras.layers.Layer):
    """Depthwise convolution with one kernel a head, and a normalisation behind an adder.

    A `"conv"` or `"shift"` kernel goes through a softmax over its taps, a `"shift"` kernel is then
    rounded to powers of two. An `"adder"` kernel is used as it is.

    Args:
        operator: One of `LIGHTWEIGHT_OPERATORS`; `"shift_adder"` is one after the other.
        kernel_size: Integer, window of each convolution.
        num_heads: Integer, number of kernels.
        padding: `"same"` or `"causal"`.
        kernel_initializer: Initializer of the kernels, or `None`.
        kernel_regularizer: Regularizer of the kernels.
        kernel_constraint: Constraint of the kernels.
        operators: Arguments of shift and adder operators.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    normalizes_itself = True

    def __init__(
        self,
        operator: str,
        kernel_size: int,
        num_heads: int,
        padding: str,
        kernel_initializer: Any,
        kernel_regularizer: Any,
        kernel_constraint: Any,
        operators: OperatorArguments,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.operator = operator
        self.stages = tuple(operator.split("_"))
        self.kernel_size = kernel_size
        self.num_heads = num_heads
        self.padding = padding
        self.kernel_initializer = kernel_initializer
        self.kernel_regularizer = kernel_regularizer
        self.kernel_constraint = kernel_constraint
        self.operators = operators
        self.normalization = None
        if "adder" in self.stages:
            self.normalization = keras.layers.BatchNormalization(
                momentum=operators.normalization_momentum,
                trainable=self.trainable,
                dtype=self.dtype_policy,
                name="normalization",
            )

    @property
    def history(self) -> int:
        """How many earlier inputs an output depends on, with causal padding."""
        return (self.kernel_size - 1) * len(self.stages)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates a kernel a stage."""
        self.kernels = [
            self.add_weight(
                name=f"{stage}_kernel",
                shape=(self.kernel_size, self.num_heads),
                initializer=self.kernel_initializer
                or (adder_initializer() if stage == "adder" else "glorot_uniform"),
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
                autocast=False,
            )
            for stage in self.stages
        ]
        if self.normalization is not None:
            self.normalization.build(input_shape)
            if self.operators.adder["gradient_scale"] is not None:
                warn_if_loss_scaling_cancels(self)
        self.built = True

    def effective_kernels(self) -> list[Any]:
        """Returns the kernels `(kernel_size, num_heads)` that the stages use."""
        return [
            self._effective(stage, kernel)
            for stage, kernel in zip(self.stages, self.kernels, strict=True)
        ]

    def _effective(self, stage: str, kernel: Any) -> Any:
        if stage == "adder":
            scale = self.operators.adder["gradient_scale"]
            return kernel if scale is None else shiftadd_ops.normalize_gradient(kernel, scale)
        kernel = ops.softmax(ops.cast(kernel, "float32"), axis=0)
        if stage == "conv":
            return kernel
        return shiftadd_ops.round_to_power_of_two(
            kernel, self.operators.shift["weight_bits"], self.operators.shift["max_exponent"]
        )

    def call(
        self, inputs: Any, mask: Any = None, cache: Any = None, training: bool | None = None
    ) -> Any:
        """Convolves `(batch, tokens, channels)`; with a cache, returns the next cache too."""
        x = inputs
        if mask is not None:
            # As if the sequence ended here.
            x = x * ops.cast(ops.expand_dims(mask, -1), x.dtype)
        if cache is not None:
            x = ops.concatenate([cache, x], axis=1)
            cache = x[:, ops.shape(inputs)[1] :]
        for stage, kernel in zip(self.stages, self.effective_kernels(), strict=True):
            if cache is None:
                x = ops.pad(x, [(0, 0), self._pads(), (0, 0)])
            x = self._stage(stage, x, kernel)
        if self.normalization is not None:
            x = self.normalization(x, training=training, mask=mask)
        return x if cache is None else (x, cache)

    def _pads(self) -> tuple[int, int]:
        total = self.kernel_size - 1
        before = total if self.padding == "causal" else total // 2
        return before, total - before

    def _stage(self, stage: str, x: Any, kernel: Any) -> Any:
        kernel = ops.repeat(kernel, x.shape[-1] // self.num_heads, axis=1)[:, :, None]
        if stage == "adder":
            return shiftadd_ops.adder_depthwise_conv(
                x, kernel, data_format="channels_last", gradient=self.operators.adder["gradient"]
            )
        return depthwise_conv(x, ops.cast(kernel, x.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return tuple(input_shape)
