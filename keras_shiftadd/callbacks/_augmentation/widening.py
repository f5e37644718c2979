"""Which channels of a network can be widened: walks its graph, layer by layer."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_shiftadd import layers
from keras_shiftadd.callbacks._augmentation import groups
from keras_shiftadd.callbacks._augmentation.groups import Group, Layout
from keras_shiftadd.callbacks._augmentation.operations import (
    CONVOLUTIONS,
    DENSE,
    DEPTHWISE,
    NOT_CONVOLUTIONS,
    channel_axis,
)
from keras_shiftadd.callbacks._augmentation.wide_layers import (
    Options,
    WideKernelLayer,
    WideNormalization,
    WideReshape,
)

# Layers without weights that treat all channels alike.
CHANNEL_BY_CHANNEL = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
    keras.layers.AveragePooling3D,
    keras.layers.Cropping1D,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.MaxPooling3D,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.UpSampling1D,
    keras.layers.UpSampling2D,
    keras.layers.ZeroPadding1D,
    keras.layers.ZeroPadding2D,
)
GLOBAL_POOLING = (
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
MERGES = (
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Subtract,
)
# Functions of keras.ops in a functional model, by the names of their operations.
ELEMENTWISE_FUNCTIONS = {
    *("Abs", "Elu", "Gelu", "HardSigmoid", "HardSilu", "HardTanh", "LeakyRelu", "Negative"),
    *("Relu", "Relu6", "Selu", "Sigmoid", "Silu", "Softplus", "Softsign", "Square", "Tanh"),
}
MERGING_FUNCTIONS = {"Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract"}
ELEMENTWISE_ACTIVATIONS = {
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu"),
    *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "soft_shrink", "softplus", "softsign", "squareplus", "tanh"),
    *("tanh_shrink", "threshold"),
}


@dataclass(eq=False)
class Value:
    """A tensor of the network while it is examined.

    Args:
        spec: shape and dtype in the tiny network.
        layout: its channels.
        axis: where they are: -1 or 1.
    """

    spec: Any
    layout: Layout
    axis: int = -1


@dataclass(eq=False)
class Step:
    """A call of an operation in the wide network.

    Args:
        run: the wide layer, or the operation itself.
        arguments: arguments with values in the places of tensors.
        keywords: keyword arguments likewise.
        outputs: the values that it makes.
        is_wide: whether `run` takes one tensor and the widths.
    """

    run: Any
    arguments: Sequence[Any]
    keywords: dict[str, Any]
    outputs: list[Value]
    is_wide: bool


class Widening:
    """Examines the calls of a network, in order; see `keras_shiftadd._model_graph.run_graph`.

    Args:
        options: how the wide network computes.
        exclude: names of layers whose channels keep their number.
    """

    def __init__(self, options: Options, exclude: Sequence[str]) -> None:
        self._options = options
        self._exclude = set(exclude)
        self._wide_layers: dict[int, Any] = {}
        self.steps: list[Step] = []
        self.groups: list[Group] = []

    @property
    def wide_layers(self) -> list[Any]:
        """The layers of the wide network that differ from those of the tiny one."""
        return list(self._wide_layers.values())

    def source(self, spec: Any, name: str) -> Value:
        """The value of an input."""
        return Value(spec, (self._kept(spec.shape[-1] or 1, name, "it is an input"),))

    def apply(
        self, operation: Any, arguments: Sequence[Any], keywords: dict[str, Any]
    ) -> list[Value]:
        """Examines a call."""
        if isinstance(operation, layers.ShiftAdderConv2D):
            between = self.apply(operation.shift, arguments, {})
            return self.apply(operation.adder, between, {})
        inputs = [v for v in keras.tree.flatten((arguments, keywords)) if isinstance(v, Value)]
        specs = [
            keras.tree.map_structure(lambda v: v.spec if isinstance(v, Value) else v, part)
            for part in (arguments, keywords)
        ]
        outputs = keras.tree.flatten(operation.compute_output_spec(*specs[0], **specs[1]))
        layout, axis, wide = self._rule(operation, inputs, outputs[0].shape)
        values = [Value(outputs[0], layout, axis)]
        for spec in outputs[1:]:
            reason = f"'{operation.name}' makes several tensors"
            values.append(Value(spec, (self._kept(spec.shape[-1], operation.name, reason),)))
        if operation.name in self._exclude:
            groups.keep(layout, f"'{operation.name}' is excluded")
        run = operation if wide is None else wide
        self.steps.append(Step(run, arguments, keywords, values, wide is not None))
        return values

    def _rule(
        self, operation: Any, inputs: list[Value], shape: tuple[int | None, ...]
    ) -> tuple[Layout, int, Any]:
        """Layout and axis of the output, and the wide layer, if there has to be one."""
        function = _function_name(operation)
        if isinstance(operation, CONVOLUTIONS) and not isinstance(operation, NOT_CONVOLUTIONS):
            if operation.groups == 1:
                return self._convolution(operation, inputs[0])
        elif isinstance(operation, DENSE) and inputs[0].axis == -1:
            return self._convolution(operation, inputs[0])
        elif isinstance(operation, DEPTHWISE):
            if operation.depth_multiplier == 1 and _axis_fits(operation, inputs[0]):
                return self._depthwise(operation, inputs[0])
        elif isinstance(operation, keras.layers.BatchNormalization):
            if operation.axis % len(shape) == inputs[0].axis % len(shape):
                return self._normalization(operation, inputs[0])
        elif isinstance(operation, keras.layers.Reshape):
            if _is_point(operation, inputs[0]):
                wide = self._wide(operation, lambda: WideReshape(operation, inputs[0].layout))
                return inputs[0].layout, -1, wide
        elif isinstance(operation, keras.layers.Activation):
            if _is_elementwise(operation.activation):
                return inputs[0].layout, inputs[0].axis, None
        elif isinstance(operation, CHANNEL_BY_CHANNEL) or function in ELEMENTWISE_FUNCTIONS:
            return inputs[0].layout, inputs[0].axis, None
        elif isinstance(operation, GLOBAL_POOLING):
            if channel_axis(operation) == inputs[0].axis:
                axis = inputs[0].axis if operation.keepdims else -1
                return inputs[0].layout, axis, None
        elif isinstance(operation, MERGES) or function in MERGING_FUNCTIONS:
            if _channels_match(inputs, shape):
                layout = groups.join([v.layout for v in inputs], operation.name)
                return layout, inputs[0].axis, None
        elif isinstance(operation, keras.layers.Concatenate):
            axes = {v.axis % len(shape) for v in inputs}
            if axes == {operation.axis % len(shape)}:
                return tuple(g for v in inputs for g in v.layout), inputs[0].axis, None
        return self._untouched(operation, inputs, shape)

    def _convolution(self, layer: Any, value: Value) -> tuple[Layout, int, Any]:
        if not _axis_fits(layer, value):
            groups.keep(value.layout, f"'{layer.name}' reads another axis")

        def make() -> WideKernelLayer:
            group = Group(int(layer.kernel.shape[-1]), layer.name)
            group.reads(value.layout)
            self.groups.append(group)
            if not _is_elementwise(layer.activation):
                group.keep(f"the activation of '{layer.name}' mixes channels")
            return WideKernelLayer(layer, value.layout, (group,), self._options)

        wide = self._wide(layer, make)
        groups.join([wide.source, value.layout], layer.name)
        return wide.layout, channel_axis(layer), wide

    def _depthwise(self, layer: Any, value: Value) -> tuple[Layout, int, Any]:
        for group in value.layout:
            group.hide()
        if not _is_elementwise(layer.activation):
            groups.keep(value.layout, f"the activation of '{layer.name}' mixes channels")
        wide = self._wide(
            layer, lambda: WideKernelLayer(layer, value.layout, value.layout, self._options)
        )
        return groups.join([wide.layout, value.layout], layer.name), value.axis, wide

    def _normalization(self, layer: Any, value: Value) -> tuple[Layout, int, Any]:
        wide = self._wide(layer, lambda: WideNormalization(layer, value.layout))
        return groups.join([wide.layout, value.layout], layer.name), value.axis, wide

    def _untouched(
        self, operation: Any, inputs: list[Value], shape: tuple[int | None, ...]
    ) -> tuple[Layout, int, Any]:
        reason = f"'{operation.name}' ({type(operation).__name__}) cannot be widened"
        for value in inputs:
            groups.keep(value.layout, reason)
        return (self._kept(shape[-1] or 1, operation.name, reason),), -1, None

    def _wide(self, layer: Any, make: Callable[[], Any]) -> Any:
        """The wide layer; the same one wherever a layer is called."""
        if id(layer) not in self._wide_layers:
            self._wide_layers[id(layer)] = make()
        return self._wide_layers[id(layer)]

    def _kept(self, size: int, name: str, reason: str) -> Group:
        group = Group(size, name)
        group.keep(reason)
        return group


def takes_training(operation: Any) -> bool:
    """Whether a layer behaves differently in training."""
    return isinstance(operation, keras.layers.Layer) and (
        "training" in inspect.signature(operation.call).parameters
    )


def _function_name(operation: Any) -> str | None:
    if isinstance(operation, keras.layers.Layer):
        return None
    name = type(operation).__name__
    return name if type(operation).__module__.split(".")[0] == "keras" else None


def _axis_fits(layer: Any, value: Value) -> bool:
    rank = len(value.spec.shape)
    return channel_axis(layer) % rank == value.axis % rank


def _is_elementwise(activation: Any) -> bool:
    return activation is None or getattr(activation, "__name__", "") in ELEMENTWISE_ACTIVATIONS


def _is_point(layer: keras.layers.Reshape, value: Value) -> bool:
    *ones, last = layer.target_shape
    return (
        len(value.spec.shape) == 2
        and all(one == 1 for one in ones)
        and last in (-1, value.spec.shape[-1])
    )


def _channels_match(inputs: list[Value], shape: tuple[int | None, ...]) -> bool:
    """Whether the channels of all inputs are those of the output, none of them repeated."""
    axes = {v.axis % len(v.spec.shape) for v in inputs}
    sizes = {v.spec.shape[v.axis] for v in inputs}
    return (
        len(inputs) > 1
        and len({len(v.spec.shape) for v in inputs}) == 1
        and len(axes) == 1
        and sizes == {shape[inputs[0].axis]}
    )
