"""Which weights of a layer are kernels, and what they are called in a twin."""

import re
from typing import Any

import keras

from keras_shiftadd import layers as ours

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel")


def weight_names(layer: keras.layers.Layer) -> dict[str, Any]:
    """A name for each variable of a built layer: its own, with those around it where needed.

    Two kernels inside a layer are `shift_kernel` and `adder_kernel`.
    """
    variables = [*layer.trainable_variables, *layer.non_trainable_variables]
    paths = [re.sub(r"[^\w/]", "_", str(variable.path)).split("/") for variable in variables]
    for length in range(1, max(map(len, paths), default=0) + 1):
        names = ["_".join(path[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return dict(zip(names, variables, strict=True))
    return {f"weight_{index}": variable for index, variable in enumerate(variables)}


def kernel_names(layer: Any) -> list[str]:
    """The names of the weights that can be pruned or clustered, as `weight_names` gives them."""
    if not isinstance(layer, keras.layers.Layer) or kernel_problem(layer) is not None:
        return []
    return [name for name, variable in weight_names(layer).items() if variable.name in _KERNELS]


def training_problem(layer: keras.layers.Layer) -> str | None:
    """Why a layer cannot be wrapped by what does not tell it that it is trained, or None."""
    kept = [variable.name for variable in layer.non_trainable_variables if layer.trainable]
    kept = [name for name in kept if name not in (*_KERNELS, "bias")]
    if not kept:
        return None
    return (
        "a part of it acts differently in training (a Dropout or a BatchNormalization, with "
        f"{', '.join(sorted(set(kept)))}), and the wrapper of Model Optimization does not tell it "
        "when"
    )


def kernel_problem(layer: keras.layers.Layer) -> str | None:
    """Why the kernel of a layer cannot be pruned or clustered; None if it can, or there is none."""
    if any(variable.name == "kernel_exponent" for variable in layer.variables):
        return "it trains signs and exponents instead of a kernel; give the layer form='quantized'"
    if (
        isinstance(layer, ours.HybridConv2D)
        and layer.operator == "adder"
        and layer.weight_sharing != "none"
    ):
        return (
            f"its kernel is mapped by weight_sharing={layer.weight_sharing!r}; take an AdderConv2D "
            "with layer.effective_kernel() as its kernel"
        )
    return None
