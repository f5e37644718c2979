"""Counting rules of the layers of this package.

A shift layer's parameters are counted as they are at inference: one weight of `weight_bits` a
kernel element, whatever tensors the training form keeps.
"""

from dataclasses import replace
from typing import Any

from keras_shiftadd import layers
from keras_shiftadd.cost._rules_linear import (
    chain,
    convolution_steps,
    dense_steps,
    depthwise_steps,
    tail,
)
from keras_shiftadd.cost._steps import Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import CannotCount, Output, Phase, Work


def _rule(steps_of: Any) -> Any:
    def rule(layer: Any, call: Call) -> Work:
        steps = steps_of(layer, call, *_operator_and_bits(layer))
        return _work(
            layer, call, (steps,), twin=steps_of(layer, call), outputs=_outputs(layer, call)
        )

    return rule


def _shift_adder(layer: Any, call: Call) -> Work:
    # The adder sublayer reads what the shift sublayer writes: positions and filters of the output.
    between = Call(layer.adder, call.path, call.output_shapes, call.output_shapes)
    shift = convolution_steps(layer.shift, call, *_operator_and_bits(layer.shift))
    adder = convolution_steps(layer.adder, between, *_operator_and_bits(layer.adder))
    twin = convolution_steps(layer.shift, call)
    work = _work(layer.adder, call, (shift, adder), twin, outputs=layer.adder.filters)
    return replace(work, phases=chain(shift.outputs), twin_phases=(Phase(),))


def _operator_and_bits(layer: Any) -> tuple[Any, int | None]:
    if layer.operator not in ("conv", "shift", "adder"):
        raise CannotCount(f"operator={layer.operator!r}")
    return layer.operator, (layer.weight_bits if layer.operator == "shift" else None)


def _outputs(layer: Any, call: Call) -> int:
    """Output channels, as many as there are biases."""
    axis = 1 if getattr(layer, "data_format", "channels_last") == "channels_first" else -1
    return call.output_shape[axis]


def _work(layer: Any, call: Call, steps: tuple[Steps, ...], twin: Steps, outputs: int) -> Work:
    end = tail(layer, call)
    parameters = sum(part.weights for part in steps) + (outputs if layer.use_bias else 0)
    ordinary = all(part.operator == "conv" for part in steps)
    return Work(steps, end.elementwise, end.missing, None if ordinary else (twin,), parameters)


RULES: dict[type, Any] = {
    layers.ShiftConv1D: _rule(convolution_steps),
    layers.ShiftConv2D: _rule(convolution_steps),
    layers.AdderConv1D: _rule(convolution_steps),
    layers.AdderConv2D: _rule(convolution_steps),
    layers.HybridConv2D: _rule(convolution_steps),
    layers.ShiftDepthwiseConv2D: _rule(depthwise_steps),
    layers.AdderDepthwiseConv2D: _rule(depthwise_steps),
    layers.ShiftDense: _rule(dense_steps),
    layers.AdderDense: _rule(dense_steps),
    layers.ShiftAdderConv2D: _shift_adder,
    # At inference the tensor is int8 by itself.
    layers.FakeQuantization: lambda layer, call: Work(parameters=0, output=Output.VIEW),
}
