"""The layers of ready networks: an operator, a normalisation, an activation."""

from typing import Any

import keras

from keras_shiftadd import layers
from keras_shiftadd.models._arguments import Arguments

# BatchNormalization behind adder layers has to follow weights that change quickly.
_MOMENTUM = 0.9
_EPSILON = 1e-3
_CHANNELS_LAST = {"data_format": "channels_last"}


class NetworkLayers:
    """Applies named layers of any operator to images, or to series held as images of one column.

    Args:
        arguments: those of the network.
    """

    def __init__(self, arguments: Arguments) -> None:
        self._rank = arguments.rank
        self._shift = {"weight_bits": arguments.weight_bits}
        self._adder = {"gradient_scale": arguments.gradient_scale}

    def input(self, arguments: Arguments) -> tuple[Any, Any]:
        """The input, and the image that is made of it."""
        inputs = keras.Input(arguments.input_shape, name="input")
        if self._rank == 2:
            return inputs, inputs
        steps, channels = arguments.input_shape
        return inputs, keras.layers.Reshape((steps, 1, channels), name="series")(inputs)

    def convolution(
        self,
        x: Any,
        operator: str,
        filters: int,
        size: int | tuple[int, int],
        stride: int = 1,
        *,
        name: str,
        activation: str | None = None,
    ) -> Any:
        """A convolution of an operator, normalised, and its activation."""
        options: dict[str, Any] = {
            "kernel_size": self._window(size),
            "strides": self._window(stride),
            "padding": "same",
            "use_bias": False,
            "name": name,
            **_CHANNELS_LAST,
        }
        if operator == "conv":
            x = keras.layers.Conv2D(filters, **options)(x)
        elif operator == "shift":
            x = layers.ShiftConv2D(filters, **options, **self._shift)(x)
        elif operator == "adder":
            x = layers.AdderConv2D(filters, **options, **self._adder)(x)
        else:
            x = layers.ShiftAdderConv2D(filters, **options, **self._shift, **self._adder)(x)
        return self.activate(self.normalize(x, name), activation, name)

    def depthwise(
        self, x: Any, operator: str, size: int, stride: int = 1, *, name: str, activation: str
    ) -> Any:
        """A depthwise convolution of an operator, normalised, and its activation."""
        options: dict[str, Any] = {
            "kernel_size": self._window(size),
            "padding": "same",
            "use_bias": False,
            **_CHANNELS_LAST,
        }
        # Keras on TensorFlow wants equal strides; of one column every second one is that column.
        strides = (stride, stride)
        if operator == "conv":
            x = keras.layers.DepthwiseConv2D(strides=strides, name=name, **options)(x)
        elif operator == "shift":
            x = layers.ShiftDepthwiseConv2D(strides=strides, name=name, **options, **self._shift)(x)
        elif operator == "adder":
            x = layers.AdderDepthwiseConv2D(strides=strides, name=name, **options, **self._adder)(x)
        else:
            x = layers.ShiftDepthwiseConv2D(
                strides=strides, name=f"{name}_shift", **options, **self._shift
            )(x)
            x = layers.AdderDepthwiseConv2D(name=f"{name}_adder", **options, **self._adder)(x)
        return self.activate(self.normalize(x, name), activation, name)

    def dense(self, x: Any, operator: str, units: int, *, name: str, activation: Any = None) -> Any:
        """A dense layer of an operator; an adder layer is normalised, the others have a bias."""
        if operator == "conv":
            return keras.layers.Dense(units, activation=activation, name=name)(x)
        if operator == "shift":
            return layers.ShiftDense(units, activation=activation, name=name, **self._shift)(x)
        if operator == "shift_adder":
            x = layers.ShiftDense(units, use_bias=False, name=f"{name}_shift", **self._shift)(x)
        x = layers.AdderDense(
            units,
            use_bias=False,
            name=name if operator == "adder" else f"{name}_adder",
            **self._adder,
        )(x)
        x = self.normalize(x, name)
        if activation is None:
            return x
        return keras.layers.Activation(activation, name=f"{name}_activation")(x)

    def squeeze_and_excite(self, x: Any, operator: str, hidden: int, *, name: str) -> Any:
        """Multiplies the channels by gates that are computed from their means.

        The two pointwise layers have the operator of the block; the gate multiplies.
        """
        channels = x.shape[-1]
        gate = keras.layers.GlobalAveragePooling2D(
            keepdims=True, name=f"{name}_squeeze", **_CHANNELS_LAST
        )(x)
        gate = self._pointwise(gate, operator, hidden, f"{name}_reduce")
        gate = keras.layers.ReLU(name=f"{name}_reduce_activation")(gate)
        gate = self._pointwise(gate, operator, channels, f"{name}_excite")
        # The hard sigmoid, in layers that merge with the one before when a network is exported.
        gate = keras.layers.Rescaling(1 / 6, 0.5, name=f"{name}_gate_scale")(gate)
        gate = keras.layers.ReLU(max_value=1.0, name=f"{name}_gate")(gate)
        return keras.layers.Multiply(name=name)([x, gate])

    def _pointwise(self, x: Any, operator: str, filters: int, name: str) -> Any:
        if operator in ("adder", "shift_adder"):
            return self.convolution(x, operator, filters, 1, name=name)
        options: dict[str, Any] = {"kernel_size": 1, "name": name, **_CHANNELS_LAST}
        if operator == "conv":
            return keras.layers.Conv2D(filters, **options)(x)
        return layers.ShiftConv2D(filters, **options, **self._shift)(x)

    def normalize(self, x: Any, name: str) -> Any:
        """A normalisation of the last axis."""
        return keras.layers.BatchNormalization(
            momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_norm"
        )(x)

    def activate(self, x: Any, activation: str | None, name: str) -> Any:
        """`"relu"`, `"relu6"`, `"hard_silu"`, `"power"` or none."""
        if activation is None:
            return x
        name = f"{name}_activation"
        if activation == "power":
            x = layers.PowerActivation(name=f"{name}_power")(x)
        if activation == "hard_silu":
            return keras.layers.Activation("hard_silu", name=name)(x)
        return keras.layers.ReLU(max_value=6.0 if activation == "relu6" else None, name=name)(x)

    def _window(self, size: int | tuple[int, int]) -> tuple[int, int]:
        rows, columns = (size, size) if isinstance(size, int) else size
        return (rows, 1) if self._rank == 1 else (rows, columns)
