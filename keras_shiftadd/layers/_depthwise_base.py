"""Geometry of a depthwise convolution."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_layer import OperatorLayer
from keras_shiftadd.ops import _numbers, adder_depthwise_conv
from keras_shiftadd.ops._depthwise import depthwise_conv


class DepthwiseConvBase(OperatorLayer):
    """Base of the layers that stand in for `keras.layers.DepthwiseConv2D`."""

    def __init__(
        self,
        rank: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...],
        padding: str,
        depth_multiplier: int,
        data_format: str | None,
        dilation_rate: int | tuple[int, ...],
        depthwise_initializer: Any,
        depthwise_regularizer: Any,
        depthwise_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_initializer=depthwise_initializer,
            kernel_regularizer=depthwise_regularizer,
            kernel_constraint=depthwise_constraint,
            **kwargs,
        )
        self.rank = rank
        self.kernel_size = _arguments.positive_tuple(kernel_size, rank, "kernel_size")
        self.strides = _arguments.positive_tuple(strides, rank, "strides")
        self.padding = _arguments.padding(padding, rank)
        self.depth_multiplier = _numbers.positive(depth_multiplier, "depth_multiplier")
        self.data_format = _arguments.data_format(data_format)
        self.dilation_rate = _arguments.positive_tuple(dilation_rate, rank, "dilation_rate")
        _arguments.strides_or_dilation(self.strides, self.dilation_rate)
        self.channel_axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = keras.layers.InputSpec(ndim=rank + 2)

    @property
    def depthwise_initializer(self) -> Any:
        """The initializer of the kernel."""
        return self.kernel_initializer

    @property
    def depthwise_regularizer(self) -> Any:
        """The regularizer of the kernel."""
        return self.kernel_regularizer

    @property
    def depthwise_constraint(self) -> Any:
        """The constraint of the kernel."""
        return self.kernel_constraint

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel and the bias."""
        channels = _arguments.channels(input_shape, self.channel_axis, self.name)
        self.compute_output_shape(input_shape)
        self.input_spec = keras.layers.InputSpec(
            ndim=self.rank + 2, axes={self.channel_axis: channels}
        )
        self._add_kernel((*self.kernel_size, channels, self.depth_multiplier))
        self._add_bias(channels * self.depth_multiplier)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Applies the operator, the bias and the activation."""
        return self._finish(self._operate(inputs), self.channel_axis)

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        return depthwise_conv(
            inputs,
            ops.cast(kernel, inputs.dtype),
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _compare(self, inputs: Any, kernel: Any, gradient: str) -> Any:
        return adder_depthwise_conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            gradient=gradient,
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        channels = _arguments.channels(input_shape, self.channel_axis, self.name)
        return _arguments.window_output_shape(
            input_shape,
            channels * self.depth_multiplier,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.name,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        config = super().get_config()
        for name in ("initializer", "regularizer", "constraint"):
            config[f"depthwise_{name}"] = config.pop(f"kernel_{name}")
        return {
            **config,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "depth_multiplier": self.depth_multiplier,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }
