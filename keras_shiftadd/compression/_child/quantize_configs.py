"""Which weights and outputs of a layer are quantised, and how."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_model_optimization.quantization.keras import QuantizeConfig
from tensorflow_model_optimization.quantization.keras.quantizers import Quantizer

from keras_shiftadd import layers as ours
from keras_shiftadd.compression._child.quantizers import (
    AdderQuantizer,
    ChannelQuantizer,
    ExponentQuantizer,
    PowerOfTwoQuantizer,
    RangeQuantizer,
)
from keras_shiftadd.compression._child.twin_layer import TwinLayer
from keras_shiftadd.export._model.known_layers import DEPTHWISE, operator


class LayerQuantizeConfig(QuantizeConfig):
    """Quantises weights by their names, and the output.

    Args:
        weights: A quantiser for each name.
        output: The quantiser of the output, or None.
    """

    def __init__(self, weights: dict[str, Quantizer], output: RangeQuantizer | None = None) -> None:
        self.weights, self.output = weights, output

    def get_weights_and_quantizers(self, layer: TwinLayer) -> list[tuple[tf.Variable, Quantizer]]:
        """The weights of a twin with their quantisers."""
        return [(layer.variable(name), quantizer) for name, quantizer in self.weights.items()]

    def get_activations_and_quantizers(self, layer: TwinLayer) -> list[Any]:
        """None: activations are layers of their own."""
        return []

    def set_quantize_weights(self, layer: TwinLayer, quantize_weights: list[Any]) -> None:
        """Puts quantised tensors in the places of weights."""
        for name, value in zip(self.weights, quantize_weights, strict=True):
            setattr(layer, name, value)

    def set_quantize_activations(self, layer: TwinLayer, quantize_activations: list[Any]) -> None:
        """Nothing, as there are none."""

    def get_output_quantizers(self, layer: TwinLayer) -> list[Quantizer]:
        """The quantiser of the output."""
        return [] if self.output is None else [self.output]

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {"weights": self.weights, "output": self.output}

    def carry_back(self, layer: TwinLayer) -> None:
        """Gives the quantised weights to the layer of Keras 3."""
        layer.carry_back(
            {
                name: quantizer(layer.variable(name), False, {})
                for name, quantizer in self.weights.items()
            }
        )


class AdderQuantizeConfig(LayerQuantizeConfig):
    """Quantises the kernel of an adder layer with the scale and the zero point of its input.

    All inputs lie on the same side of a weight beyond their range, so how far it is beyond is a
    constant summand of the output: it is taken off there, as the export does.

    Args:
        kernel: The quantiser of the kernel.
    """

    def __init__(self, kernel: AdderQuantizer) -> None:
        super().__init__({"kernel": kernel})
        self.kernel = kernel

    def set_quantize_weights(self, layer: TwinLayer, quantize_weights: list[Any]) -> None:
        """Puts the quantised kernel in the place of the kernel."""
        super().set_quantize_weights(layer, quantize_weights)
        layer.output_offset = -self._beyond(layer)

    def carry_back(self, layer: TwinLayer) -> None:
        """Gives the quantised kernel to the layer of Keras 3; weights beyond the range stay so."""
        kernel = tf.convert_to_tensor(layer.variable("kernel"))
        inside = tf.equal(self.kernel.within(kernel), kernel)
        quantized = self.kernel.quantized(kernel)
        layer.carry_back({"kernel": tf.where(inside, quantized, kernel)})

    def _beyond(self, layer: TwinLayer) -> tf.Tensor:
        """The distances of the weights from the range of the inputs, summed for each output."""
        kernel = tf.stop_gradient(tf.convert_to_tensor(layer.variable("kernel")))
        distances = tf.abs(kernel - tf.stop_gradient(self.kernel.within(kernel)))
        if isinstance(layer.operation, ours.AdderDepthwiseConv2D):
            return tf.reshape(tf.reduce_sum(distances, axis=(0, 1)), (-1,))
        return tf.reduce_sum(distances, axis=list(range(len(kernel.shape) - 1)))


class RangeQuantizeConfig(LayerQuantizeConfig):
    """Quantises the output of a layer that does nothing, in the place of a `FakeQuantization`.

    Args:
        output: The quantiser.
        layer: The `FakeQuantization`.
    """

    def __init__(self, output: RangeQuantizer, layer: ours.FakeQuantization) -> None:
        super().__init__({}, output)
        self._quantizer, self._layer = output, layer

    def carry_back(self, layer: TwinLayer) -> None:
        """Gives the range to the `FakeQuantization`."""
        low, high = self._quantizer.range()
        self._layer.learned_low.assign(low)
        self._layer.learned_high.assign(high)


def kernel_config(layer: keras.layers.Layer, inputs: RangeQuantizer | None) -> LayerQuantizeConfig:
    """The config of a layer with a kernel.

    Args:
        layer: A built layer.
        inputs: The quantiser of its input, which adder layers share.
    """
    trainable = bool(layer.trainable)
    axes = 2 if isinstance(layer, DEPTHWISE) else 1
    kind = operator(layer)
    if kind == "adder":
        if inputs is None:
            raise ValueError(
                "The input of an adder layer must have a range of its own. Received: layer "
                f"'{layer.name}', whose input is not rounded by a FakeQuantization."
            )
        return AdderQuantizeConfig(AdderQuantizer(trainable, inputs))
    if kind == "conv":
        return LayerQuantizeConfig({"kernel": ChannelQuantizer(trainable, axes)})
    if getattr(layer, "form", "quantized") != "quantized":
        return LayerQuantizeConfig({"kernel_exponent": ExponentQuantizer(trainable, axes)})
    powers = PowerOfTwoQuantizer(trainable, layer.weight_bits, layer.max_exponent, axes)
    return LayerQuantizeConfig({"kernel": powers})
