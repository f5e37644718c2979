"""Geometry of a dense layer."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_layer import OperatorLayer
from keras_shiftadd.ops import _numbers, adder_dense


class DenseBase(OperatorLayer):
    """Base of the layers that stand in for `keras.layers.Dense`."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = _numbers.positive(units, "units")
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the kernel and the bias."""
        channels = _arguments.channels(input_shape, -1, self.name)
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: channels})
        self._add_kernel((channels, self.units))
        self._add_bias(self.units)
        self.built = True

    def call(self, inputs: Any) -> Any:
        """Applies the operator, the bias and the activation."""
        return self._finish(self._operate(inputs), -1)

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        return ops.matmul(inputs, ops.cast(kernel, inputs.dtype))

    def _compare(self, inputs: Any, kernel: Any, gradient: str) -> Any:
        return adder_dense(inputs, kernel, gradient=gradient)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {**super().get_config(), "units": self.units}
