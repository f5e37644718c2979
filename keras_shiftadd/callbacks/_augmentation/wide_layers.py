"""Layers of the tiny network with extra channels, which belong to the wide one only."""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.callbacks._augmentation import wide_tensors
from keras_shiftadd.callbacks._augmentation.groups import Layout, Widths, is_widened
from keras_shiftadd.callbacks._augmentation.operations import (
    DEPTHWISE,
    channel_axis,
    convolve,
    operate,
)
from keras_shiftadd.callbacks._augmentation.shared_kernel import (
    SharedKernel,
    operator_of,
    tiny_kernel,
)


@dataclass(frozen=True)
class Options:
    """How the wide network computes; see `HybridAugmentation`."""

    operator: str
    weight_sharing: str
    loss_weight: float


class WideKernelLayer:
    """A convolution, depthwise or dense layer with more inputs and outputs.

    The kernel is that of the tiny layer, with extra rows and columns.

    Args:
        layer: the layer of the tiny network.
        source: the channels that it reads.
        layout: the channels that it makes; those of the source for a depthwise layer.
        options: how the wide network computes.
    """

    def __init__(self, layer: Any, source: Layout, layout: Layout, options: Options) -> None:
        self.layer = layer
        self.source = source
        self.layout = layout
        self._options = options
        self.is_depthwise = isinstance(layer, DEPTHWISE)
        self._operator = options.operator if operator_of(layer) != "conv" else "conv"
        self._extra: Any = None
        self._bias: Any = None
        self._shared: SharedKernel | None = None
        self._widest = Widths({})

    @property
    def variables(self) -> list[keras.Variable]:
        """The weights of the extra channels."""
        own = [v for v in (self._extra, self._bias) if v is not None]
        return own + ([] if self._shared is None else self._shared.variables)

    def build(self, widest: Widths, seed: int) -> None:
        """Creates the weights of the extra channels."""
        if not is_widened((*self.source, *self.layout)):
            return
        self._widest = widest
        shape = list(tiny_kernel(self.layer).shape)
        shape[-2] = widest.total(self.source)
        if not self.is_depthwise:
            shape[-1] = widest.total(self.layout)
        inputs = math.prod(shape[:-2]) * (1 if self.is_depthwise else shape[-2])
        deviation = math.sqrt(2.0 / inputs)
        initializer: Any = keras.initializers.RandomNormal(stddev=deviation, seed=seed)
        if self._operator == "own" and operator_of(self.layer) == "adder":
            initializer = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        name = self.layer.name
        self._extra = keras.Variable(initializer(shape), name=f"{name}_extra_kernel")
        if getattr(self.layer, "bias", None) is not None and is_widened(self.layout):
            size = widest.total(self.layout)
            self._bias = keras.Variable(ops.zeros((size,)), name=f"{name}_extra_bias")
        if self._operator == "conv":
            self._shared = SharedKernel(
                self.layer,
                self._options.weight_sharing,
                deviation,
                self._options.loss_weight,
                seed + 1,
            )

    @property
    def can_be_exchanged(self) -> bool:
        """Whether tiny and extra channels are of one kind, so that they can change places."""
        if self._operator == "mixed" or getattr(self.layer, "kernel", None) is None:
            return False
        return self._shared is None or self._shared.has_inverse

    @property
    def shares_as_it_is(self) -> bool:
        """Whether the tiny network's weights serve the wide one without being mapped."""
        return self._shared is None or not self._shared.variables

    @property
    def extra_kernel(self) -> Any:
        """The kernel of the extra channels, or None."""
        return self._extra

    @property
    def extra_bias(self) -> Any:
        """The bias of the extra channels, or None."""
        return self._bias

    def wide_kernel(self) -> np.ndarray:
        """The kernel of the widest network."""
        own = tiny_kernel(self.layer) if self._shared is None else self._shared()
        if self._extra is not None:
            own = self._kernel(own, self._widest)
        return np.array(ops.convert_to_numpy(ops.stop_gradient(own)))

    def set_wide_kernel(self, kernel: np.ndarray) -> None:
        """Sets the kernel of the widest network, that of the tiny one with it."""
        self._extra.assign(kernel)
        own = wide_tensors.tiny(ops.convert_to_tensor(kernel), -2, self.source, self._widest)
        if not self.is_depthwise:
            own = wide_tensors.tiny(own, -1, self.layout, self._widest)
        self.layer.kernel.assign(own if self._shared is None else self._shared.inverse(own))

    def __call__(self, inputs: Any, widths: Widths) -> Any:
        """Applies the wide layer."""
        layer = self.layer
        inputs = ops.cast(inputs, layer.compute_dtype)
        weight = self._options.loss_weight
        if self._extra is None:
            outputs = operate(layer, inputs, tiny_kernel(layer), weight)
        elif self._shared is not None:
            outputs = convolve(layer, inputs, self._kernel(self._shared(), widths))
        elif self._operator == "own":
            outputs = operate(layer, inputs, self._kernel(tiny_kernel(layer), widths), weight)
        else:
            outputs = self._mixed(inputs, widths)
        if layer.bias is not None:
            shape = [1] * len(outputs.shape)
            shape[channel_axis(layer)] = -1
            bias = wide_tensors.channel_vector(
                layer.bias, self._bias, self.layout, widths, self._widest, shape
            )
            outputs = outputs + ops.cast(bias, outputs.dtype)
        return outputs if layer.activation is None else layer.activation(outputs)

    def _select(self, extra: Any, axis: int, layout: Layout, widths: Widths) -> Any:
        tensor = ops.convert_to_tensor(extra)
        return wide_tensors.active(tensor, axis, layout, widths, self._widest)

    def _kernel(self, own: Any, widths: Widths) -> Any:
        extra = self._select(self._extra, -2, self.source, widths)
        if self.is_depthwise:
            return wide_tensors.widened(own, extra, -2, self.source, widths)
        extra = self._select(extra, -1, self.layout, widths)
        rows = wide_tensors.tiny(extra, -2, self.source, widths)
        own = wide_tensors.widened(own, rows, -1, self.layout, widths)
        return wide_tensors.widened(own, extra, -2, self.source, widths)

    def _mixed(self, inputs: Any, widths: Widths) -> Any:
        """The layer's own operation on its own channels, convolutions around it."""
        axis = channel_axis(self.layer)
        own_inputs = wide_tensors.tiny(inputs, axis, self.source, widths)
        own = operate(self.layer, own_inputs, tiny_kernel(self.layer), self._options.loss_weight)
        zeros = ops.zeros(tiny_kernel(self.layer).shape)
        outputs = convolve(self.layer, inputs, self._kernel(zeros, widths))
        own = ops.cast(own, outputs.dtype)
        both = own + wide_tensors.tiny(outputs, axis, self.layout, widths)
        return wide_tensors.widened(both, outputs, axis, self.layout, widths)


class WideNormalization:
    """BatchNormalization with more channels: scale and offset of the tiny one are shared.

    Means and variances are those of the batch. The moving averages of the tiny network are for
    its own outputs, and are left alone.

    Args:
        layer: the layer of the tiny network.
        layout: its channels.
    """

    def __init__(self, layer: keras.layers.BatchNormalization, layout: Layout) -> None:
        self.layer = layer
        self.layout = layout
        self.variables: list[keras.Variable] = []
        self._widest = Widths({})

    def build(self, widest: Widths, seed: int) -> None:
        """Creates the scale and offset of the extra channels."""
        if not is_widened(self.layout):
            return
        self._widest = widest
        size, name = widest.total(self.layout), self.layer.name
        if self.layer.scale:
            self.variables.append(keras.Variable(ops.ones((size,)), name=f"{name}_extra_gamma"))
        if self.layer.center:
            self.variables.append(keras.Variable(ops.zeros((size,)), name=f"{name}_extra_beta"))

    def __call__(self, inputs: Any, widths: Widths) -> Any:
        """Normalises a batch."""
        rank = len(inputs.shape)
        axis = self.layer.axis % rank
        tensor = ops.cast(inputs, "float32")
        mean, variance = ops.moments(tensor, axes=[i for i in range(rank) if i != axis])
        own = [v for v in (self.layer.gamma, self.layer.beta) if v is not None]
        weights = [
            ops.cast(
                wide_tensors.channel_vector(v, extra, self.layout, widths, self._widest, [-1]),
                "float32",
            )
            for v, extra in zip(own, self.variables or [None] * len(own), strict=True)
        ]
        outputs = ops.batch_normalization(
            tensor,
            mean,
            variance,
            axis,
            offset=weights[-1] if self.layer.center else None,
            scale=weights[0] if self.layer.scale else None,
            epsilon=self.layer.epsilon,
        )
        return ops.cast(outputs, self.layer.compute_dtype)


class WideReshape:
    """A vector of channels reshaped to a map of one point, as in squeeze-and-excitation.

    Args:
        layer: the layer of the tiny network.
        layout: its channels.
    """

    def __init__(self, layer: keras.layers.Reshape, layout: Layout) -> None:
        self.layer = layer
        self.layout = layout
        self.variables: list[keras.Variable] = []

    def build(self, widest: Widths, seed: int) -> None:
        """Creates nothing."""

    def __call__(self, inputs: Any, widths: Widths) -> Any:
        """Reshapes."""
        size = widths.total(self.layout)
        return ops.reshape(inputs, (-1, *self.layer.target_shape[:-1], size))
