"""Geometry of a convolution of any rank."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_layer import OperatorLayer
from keras_shiftadd.ops import _numbers, adder_conv


class ConvBase(OperatorLayer):
    """Base of the layers that stand in for `keras.layers.Conv1D` and `Conv2D`."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | tuple[int, ...],
        strides: int | tuple[int, ...],
        padding: str,
        data_format: str | None,
        dilation_rate: int | tuple[int, ...],
        groups: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.filters = _numbers.positive(filters, "filters")
        self.kernel_size = _arguments.positive_tuple(kernel_size, rank, "kernel_size")
        self.strides = _arguments.positive_tuple(strides, rank, "strides")
        self.padding = _arguments.padding(padding, rank)
        self.data_format = _arguments.data_format(data_format)
        self.dilation_rate = _arguments.positive_tuple(dilation_rate, rank, "dilation_rate")
        self.groups = _numbers.positive(groups, "groups")
        _arguments.strides_or_dilation(self.strides, self.dilation_rate)
        if self.filters % self.groups:
            raise ValueError(
                "`filters` must be divisible by `groups`. "
                f"Received: filters={filters}, groups={groups}."
            )
        self.channel_axis = -1 if self.data_format == "channels_last" else 1
        self.input_spec = keras.layers.InputSpec(ndim=rank + 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel and the bias."""
        channels = _arguments.channels(input_shape, self.channel_axis, self.name)
        if channels % self.groups:
            raise ValueError(
                "The input channels must be divisible by `groups`. "
                f"Received: {channels} channels (input_shape={tuple(input_shape)}), "
                f"groups={self.groups}."
            )
        self.compute_output_shape(input_shape)
        self.input_spec = keras.layers.InputSpec(
            ndim=self.rank + 2, axes={self.channel_axis: channels}
        )
        self._add_kernel((*self.kernel_size, channels // self.groups, self.filters))
        self._add_bias(self.filters)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Applies the operator, the bias and the activation."""
        return self._finish(self._operate(inputs), self.channel_axis)

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        padding = self.padding
        if padding == "causal":
            before = (self.kernel_size[0] - 1) * self.dilation_rate[0]
            steps = 1 if self.data_format == "channels_last" else 2
            pads = [(0, 0)] * 3
            pads[steps] = (before, 0)
            inputs = ops.pad(inputs, pads)
            padding = "valid"
        return ops.conv(
            inputs,
            ops.cast(kernel, inputs.dtype),
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def _compare(self, inputs: Any, kernel: Any, gradient: str) -> Any:
        return adder_conv(
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
        return _arguments.window_output_shape(
            input_shape,
            self.filters,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.name,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
        }
