"""The parts of a searched network as plain Keras layers: stem, blocks, head."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from keras_shiftadd import layers

# BatchNormalization behind adder layers has to follow weights that change quickly.
BATCH_NORM_MOMENTUM = 0.9
BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True)
class BlockPlan:
    """One block of an architecture with all its sizes.

    Args:
        name: prefix of the names of its layers.
        block: `"inverted_residual"` or `"bottleneck"`.
        operator: `"conv"`, `"shift"`, `"adder"` or `"attention"`.
        kernel_size: window of the spatial layer; None for attention.
        in_width: channels of its input.
        hidden_width: channels inside; None for an inverted residual with attention.
        width: channels of its output.
        stride: stride of the spatial layer.
        residual: whether the input is added to the output.
    """

    name: str
    block: str
    operator: str
    kernel_size: int | None
    in_width: int
    hidden_width: int | None
    width: int
    stride: int
    residual: bool


@dataclass(frozen=True)
class LayerOptions:
    """What all blocks of a space share.

    Args:
        rank: 1 for time series, held as images of width 1; 2 for images.
        weight_bits: bits of shift weights.
        num_heads: attention heads.
        key_dim: channels of a head.
        projection: projections of attention, `"dense"` or `"shift"`.
        gradient_scale: norm of the gradients of adder kernels; see `AdderConv2D`.
        initializer: initializer of all kernels; None for that of each layer.
    """

    rank: int
    weight_bits: int
    num_heads: int
    key_dim: int
    projection: str
    gradient_scale: float | None = None
    initializer: Any = None

    def window(self, size: int) -> tuple[int, int]:
        """A kernel size or stride along each axis."""
        return (size, 1) if self.rank == 1 else (size, size)

    @property
    def keras_initializer(self) -> Any:
        """The initializer for layers of Keras, where None would mean zeros."""
        return self.initializer or "glorot_uniform"


def stem(x: Any, width: int, stride: int, options: LayerOptions) -> Any:
    """The first convolution (two where the stride is 4), always multiplicative."""
    strides = (2, 2) if stride == 4 else (stride,)
    for i, step in enumerate(strides):
        name = "stem" if len(strides) == 1 else f"stem_{i}"
        x = keras.layers.Conv2D(
            width,
            options.window(3),
            options.window(step),
            padding="same",
            use_bias=False,
            kernel_initializer=options.keras_initializer,
            name=f"{name}_conv",
        )(x)
        x = _normalize(x, name, relu=True)
    return x


def head(x: Any, num_classes: int, options: LayerOptions) -> Any:
    """Pooling and the classifier, always multiplicative."""
    x = keras.layers.GlobalAveragePooling2D(name="head_pool")(x)
    return keras.layers.Dense(
        num_classes, kernel_initializer=options.keras_initializer, name="head_classifier"
    )(x)


def block(x: Any, plan: BlockPlan, options: LayerOptions) -> Any:
    """A block; see `BlockPlan`."""
    return _BUILDERS[plan.block](x, plan, options)


def _inverted_residual(x: Any, plan: BlockPlan, options: LayerOptions) -> Any:
    start = x
    if plan.operator == "attention":
        x = _attend(x, plan.width, plan.name, options)
        x = _normalize(x, f"{plan.name}_attend", relu=False)
    else:
        assert plan.hidden_width is not None
        x = _pointwise(x, plan.hidden_width, plan.operator, f"{plan.name}_expand", options)
        x = _normalize(x, f"{plan.name}_expand", relu=True)
        x = _depthwise(x, plan, options)
        x = _normalize(x, f"{plan.name}_depthwise", relu=True)
        x = _pointwise(x, plan.width, plan.operator, f"{plan.name}_project", options)
        x = _normalize(x, f"{plan.name}_project", relu=False)
    return keras.layers.Add(name=f"{plan.name}_add")([start, x]) if plan.residual else x


def _bottleneck(x: Any, plan: BlockPlan, options: LayerOptions) -> Any:
    assert plan.hidden_width is not None
    start = x
    # Around attention the two pointwise layers stay convolutions, as in the published space.
    outer = "conv" if plan.operator == "attention" else plan.operator
    x = _pointwise(x, plan.hidden_width, outer, f"{plan.name}_reduce", options)
    x = _normalize(x, f"{plan.name}_reduce", relu=True)
    if plan.operator == "attention":
        x = _attend(x, plan.hidden_width, plan.name, options)
        x = _normalize(x, f"{plan.name}_attend", relu=True)
    else:
        assert plan.kernel_size is not None
        x = _convolution(plan.operator, options)(
            plan.hidden_width,
            options.window(plan.kernel_size),
            options.window(plan.stride),
            padding="same",
            use_bias=False,
            name=f"{plan.name}_spatial",
        )(x)
        x = _normalize(x, f"{plan.name}_spatial", relu=True)
    x = _pointwise(x, plan.width, outer, f"{plan.name}_restore", options)
    x = _normalize(x, f"{plan.name}_restore", relu=False)
    if plan.residual:
        x = keras.layers.Add(name=f"{plan.name}_add")([start, x])
    return keras.layers.ReLU(name=f"{plan.name}_relu")(x)


_BUILDERS: dict[str, Callable[[Any, BlockPlan, LayerOptions], Any]] = {
    "inverted_residual": _inverted_residual,
    "bottleneck": _bottleneck,
}


def _convolution(operator: str, options: LayerOptions) -> Callable[..., Any]:
    if operator == "conv":
        return partial(keras.layers.Conv2D, kernel_initializer=options.keras_initializer)
    if operator == "adder":
        return partial(
            layers.AdderConv2D,
            gradient_scale=options.gradient_scale,
            kernel_initializer=options.initializer,
        )
    return partial(
        layers.ShiftConv2D,
        weight_bits=options.weight_bits,
        kernel_initializer=options.initializer,
    )


def _pointwise(x: Any, width: int, operator: str, name: str, options: LayerOptions) -> Any:
    return _convolution(operator, options)(width, 1, use_bias=False, name=name)(x)


def _depthwise(x: Any, plan: BlockPlan, options: LayerOptions) -> Any:
    assert plan.kernel_size is not None
    arguments: dict[str, Any] = {
        "kernel_size": options.window(plan.kernel_size),
        # Keras on TensorFlow wants equal strides; of one column every second one is that column.
        "strides": (plan.stride, plan.stride),
        "padding": "same",
        "use_bias": False,
        "name": f"{plan.name}_depthwise",
    }
    if plan.operator == "conv":
        arguments["depthwise_initializer"] = options.keras_initializer
        return keras.layers.DepthwiseConv2D(**arguments)(x)
    arguments["depthwise_initializer"] = options.initializer
    if plan.operator == "adder":
        return layers.AdderDepthwiseConv2D(gradient_scale=options.gradient_scale, **arguments)(x)
    return layers.ShiftDepthwiseConv2D(weight_bits=options.weight_bits, **arguments)(x)


def _attend(x: Any, width: int, name: str, options: LayerOptions) -> Any:
    """Self-attention over all positions, which a depthwise convolution tells apart."""
    position = keras.layers.DepthwiseConv2D(
        options.window(3),
        padding="same",
        use_bias=False,
        depthwise_initializer=options.keras_initializer,
        name=f"{name}_position",
    )(x)
    x = keras.layers.Add(name=f"{name}_position_add")([x, position])
    rows, columns, channels = x.shape[1:]
    x = keras.layers.Reshape((rows * columns, channels), name=f"{name}_tokens")(x)
    x = layers.HybridAttention(
        options.num_heads,
        options.key_dim,
        use_bias=False,
        output_shape=width,
        projection=options.projection,
        weight_bits=options.weight_bits,
        kernel_initializer=options.initializer,
        name=f"{name}_attention",
    )(x, x)
    return keras.layers.Reshape((rows, columns, width), name=f"{name}_positions")(x)


def _normalize(x: Any, name: str, relu: bool) -> Any:
    x = keras.layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM, epsilon=BATCH_NORM_EPSILON, name=f"{name}_norm"
    )(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x
