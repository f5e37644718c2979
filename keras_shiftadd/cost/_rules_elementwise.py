"""Counting rules of Keras' layers without kernels, and of operations on tensors."""

import math
from dataclasses import replace
from typing import Any

from keras import layers

from keras_shiftadd.cost._activations import activation_work, relu_layer
from keras_shiftadd.cost._operations import NO_OPERATIONS, Operations
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Output, Work


def _moves(layer: Any, call: Call) -> Work:
    return Work()


def _views(layer: Any, call: Call) -> Work:
    return Work(output=Output.VIEW)


def _each(multiply: int = 0, add: int = 0, output: Output = Output.FOLD) -> Any:
    operations = Operations(multiply=multiply, add=add)
    return lambda layer, call: Work(elementwise=call.output_elements * operations, output=output)


def _merge(multiply: int = 0, add: int = 0, at_end: Operations = NO_OPERATIONS) -> Any:
    """So much for every input after the first, and `at_end` once, an output element."""

    def rule(layer: Any, call: Call) -> Work:
        pair = Operations(multiply=multiply, add=add)
        each = (len(call.input_shapes) - 1) * pair + at_end
        return Work(elementwise=call.output_elements * each, output=Output.MERGE)

    return rule


def _window(average: bool) -> Any:
    def rule(layer: Any, call: Call) -> Work:
        each = Operations(multiply=int(average), add=math.prod(layer.pool_size) - 1)
        return Work(elementwise=call.output_elements * each)

    return rule


def _reduction(average: bool) -> Any:
    """An output takes one addition for each of its inputs but the first."""

    def rule(layer: Any, call: Call) -> Work:
        adds = call.input_elements - call.output_elements
        return Work(elementwise=Operations(call.output_elements if average else 0, adds))

    return rule


def _activation(layer: Any, call: Call) -> Work:
    return replace(activation_work(layer.activation, call.output_elements), output=Output.FOLD)


def _relu(layer: Any, call: Call) -> Work:
    return Work(elementwise=call.output_elements * relu_layer(layer), output=Output.FOLD)


def _normalise(centre: bool) -> Any:
    """Square, accumulate and scale; with `centre` also mean and difference."""

    def rule(layer: Any, call: Call) -> Work:
        scale = getattr(layer, "scale", None)
        centre_here = centre and not getattr(layer, "rms_scaling", False)
        each = Operations(
            multiply=2 + int(scale is not None and scale is not False),
            add=(3 if centre_here else 1) + int(bool(getattr(layer, "center", False))),
        )
        return Work(
            elementwise=call.output_elements * each,
            missing=("one square root and one division for each normalised group",),
            output=Output.MERGE,
        )

    return rule


def _upsampling(layer: Any, call: Call) -> Work:
    if getattr(layer, "interpolation", "nearest") != "nearest":
        raise CannotCount(f"interpolation={layer.interpolation!r}")
    return Work()


# The same values under another shape, or no change at all at inference.
_VIEWS = (
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Identity",
    "InputLayer",
    "Masking",
    "RandomBrightness",
    "RandomContrast",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
)
# Values are written to other places, and not changed.
_MOVES = (
    "Concatenate",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Embedding",
    "Permute",
    "RandomCrop",
    "RepeatVector",
    "UpSampling1D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
)

RULES: dict[type, Any] = {
    **{getattr(layers, name): _views for name in _VIEWS if hasattr(layers, name)},
    **{getattr(layers, name): _moves for name in _MOVES if hasattr(layers, name)},
    layers.UpSampling2D: _upsampling,
    layers.UpSampling3D: _upsampling,
    layers.Activation: _activation,
    layers.ReLU: _relu,
    layers.LeakyReLU: _each(multiply=1, add=1),
    layers.PReLU: _each(multiply=1, add=1),
    layers.BatchNormalization: _each(multiply=1, add=1),
    layers.Normalization: _each(multiply=1, add=1),
    layers.Rescaling: _each(multiply=1, add=1),
    layers.LayerNormalization: _normalise(centre=True),
    layers.GroupNormalization: _normalise(centre=True),
    layers.RMSNormalization: _normalise(centre=False),
    layers.UnitNormalization: _normalise(centre=False),
    layers.Add: _merge(add=1),
    layers.Subtract: _merge(add=1),
    layers.Multiply: _merge(multiply=1),
    layers.Maximum: _merge(add=1),
    layers.Minimum: _merge(add=1),
    layers.Average: _merge(add=1, at_end=Operations(multiply=1)),
}
for _rank in "123":
    RULES[getattr(layers, f"MaxPooling{_rank}D")] = _window(average=False)
    RULES[getattr(layers, f"AveragePooling{_rank}D")] = _window(average=True)
    RULES[getattr(layers, f"GlobalMaxPooling{_rank}D")] = _reduction(average=False)
    RULES[getattr(layers, f"GlobalAveragePooling{_rank}D")] = _reduction(average=True)

# Operations of keras.ops in a functional model (`x + y`, `keras.ops.relu(x)`), by class name:
# their classes are not public.
OPERATION_RULES: dict[str, Any] = {
    **dict.fromkeys(
        ("Cast", "ExpandDims", "Identity", "Reshape", "Squeeze", "StopGradient"), _views
    ),
    **dict.fromkeys(
        (
            "BroadcastTo",
            "Concatenate",
            "Flip",
            "GetItem",
            "Pad",
            "Repeat",
            "Split",
            "Stack",
            "Tile",
            "Transpose",
        ),
        _moves,
    ),
    **dict.fromkeys(("Add", "Subtract", "Maximum", "Minimum"), _each(add=1, output=Output.MERGE)),
    **dict.fromkeys(("Negative", "Absolute", "NotEqual", "Relu"), _each(add=1)),
    "Multiply": _each(multiply=1, output=Output.MERGE),
    "Square": _each(multiply=1),
    "Relu6": _each(add=2),
    "Sum": _reduction(average=False),
    "Max": _reduction(average=False),
    "Min": _reduction(average=False),
    "Mean": _reduction(average=True),
}
