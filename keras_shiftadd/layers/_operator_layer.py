"""What all layers of this package share: a kernel behind an operator, a bias, an activation."""

from typing import Any

import keras
from keras import ops


class OperatorLayer(keras.layers.Layer):
    """Base of the layers: arguments common to Keras' Conv, DepthwiseConv and Dense.

    A subclass for a geometry (convolution, depthwise, dense) implements `_convolve` and
    `_compare`, the multiplicative and the adder operation. A subclass for an operator (shift,
    adder) implements `_add_kernel`, `_operate` and `effective_kernel`.
    """

    operator: str

    def __init__(
        self,
        activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            activity_regularizer=keras.regularizers.get(activity_regularizer), **kwargs
        )
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.bias = None

    def effective_kernel(self) -> Any:
        """Returns the kernel that the operation uses, as a float32 tensor.

        For a shift layer these are the rounded weights: zero or a power of two. Shapes are those
        of the kernel of the Keras layer that this layer replaces.
        """
        raise NotImplementedError

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        raise NotImplementedError

    def _operate(self, inputs: Any) -> Any:
        raise NotImplementedError

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        raise NotImplementedError

    def _compare(self, inputs: Any, kernel: Any, gradient: str) -> Any:
        raise NotImplementedError

    def _add_bias(self, size: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(size,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _finish(self, outputs: Any, channel_axis: int) -> Any:
        if self.bias is not None:
            shape = [1] * len(outputs.shape)
            shape[channel_axis] = self.bias.shape[0]
            # Not keras.ops.add: on TensorFlow it takes the bias of a "channels_first" output for
            # one of "channels_last" where the width equals the number of channels.
            outputs = outputs + ops.reshape(self.bias, shape)
        return outputs if self.activation is None else self.activation(outputs)

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """Keras' post-training quantisation does not apply to these layers."""
        raise NotImplementedError(
            f"{type(self).__name__} has its own number format and cannot be quantized by Keras. "
            "Use keras_shiftadd.export.to_tflite for an int8 model."
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }
