"""Counting of the operations of a model."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._liveness import live_elements
from keras_shiftadd.cost._moved import NOTHING_MOVED, Moved
from keras_shiftadd.cost._not_counted import NotCounted
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._rules import find_rule
from keras_shiftadd.cost._steps import Steps
from keras_shiftadd.cost._trace import Call, trace_calls
from keras_shiftadd.cost._work import CannotCount, Output, Work

Shape = Sequence[int | None]
Shapes = Shape | Sequence[Shape] | None


def count_operations(model: keras.Model, input_shape: Shapes = None) -> OperationCounts:
    """Counts what a model does at inference, for one example, layer by layer.

    Layers of this package and the usual layers of Keras are counted; nested models and layers
    made of other layers are entered; a layer called several times counts as often, its
    parameters once. What cannot be counted is listed in `not_counted`.

    Conventions: a convolution or dense step is 1 multiply and 1 add; an adder step 2 adds; a shift
    step 1 shift and 1 add. Padded positions are computed like all others; groups and depthwise
    layers are respected. A bias is 1 add an output element, BatchNormalization 1 multiply and
    1 add an element. Comparisons (ReLU, max pooling) count as adds.

    Args:
        model: a built Keras model: Sequential, functional or subclassed.
        input_shape: shape of the input without the batch dimension, or a list of such shapes for
            several inputs. Needed where the model leaves sizes open, and for subclassed models.

    Returns:
        An `OperationCounts`.

    Raises:
        TypeError: `model` is not a Keras model, or `input_shape` is no tuple or list.
        ValueError: the model is not built, the input shape is unknown or does not fit, or the
            model cannot be run on symbolic inputs.

    Example:

    >>> layer = ksa.layers.ShiftConv2D(8, 3, padding="same", use_bias=False)
    >>> model = keras.Sequential([keras.Input((None, None, 3)), layer])
    >>> counts = ksa.cost.count_operations(model, input_shape=(96, 96, 3))
    >>> [(row.operator, row.operations.shift) for row in counts.rows]
    [('shift', 1990656)]
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a Keras model. Received: {model!r} (of type {type(model).__name__})"
        )
    if not model.built:
        raise ValueError(
            f"`model` must be built before its operations can be counted. Received: {model.name!r},"
            " which is not. Give it an Input layer, call model.build(shape), or call it on data."
        )
    shapes = _input_shapes(model, input_shape)
    trace = trace_calls(model, shapes, is_leaf=lambda operation: find_rule(operation) is not None)
    counted = [_count(call) for call in trace.calls]
    lives = live_elements(trace, [work for _, work, _ in counted])
    rows: dict[int, LayerOperations] = {}
    not_counted: dict[NotCounted, None] = {}
    for call, (row, _, missing), live in zip(trace.calls, counted, lives, strict=True):
        not_counted.update(dict.fromkeys(missing))
        row = replace(row, live=live.elements, twin_live=live.twin_elements)
        key = id(call.operation)
        rows[key] = _add_call(rows[key], row) if key in rows else row
    return OperationCounts(
        model.name,
        tuple(rows.values()),
        tuple(not_counted),
        input_elements=sum(trace.elements[tensor] for tensor in trace.inputs),
    )


def _input_shapes(model: keras.Model, input_shape: Any) -> list[tuple[int, ...]]:
    if input_shape is not None and not isinstance(input_shape, list | tuple):
        raise TypeError(
            "`input_shape` must be a tuple of sizes without the batch dimension, or a list of such "
            f"tuples. Received: input_shape={input_shape!r}"
        )
    known = getattr(model, "inputs", None)
    expected = [tuple(x.shape[1:]) for x in known] if known else None
    if input_shape is None:
        shapes = expected
    elif any(isinstance(part, list | tuple) for part in input_shape):
        shapes = [tuple(part) for part in input_shape]
    else:
        shapes = [tuple(input_shape)]
    if not shapes or any(size is None for shape in shapes for size in shape):
        raise ValueError(
            "The operations of a model depend on the size of its input, which this model leaves "
            f"open. Received: model {model.name!r} with input shape {shapes or 'unknown'}, "
            f"input_shape={input_shape}. Pass all sizes, without the batch dimension, for instance "
            "input_shape=(32, 32, 3)."
        )
    if expected is not None and not _fits(shapes, expected):
        raise ValueError(
            "`input_shape` must fit the inputs of the model (sizes without the batch dimension). "
            f"Expected: {expected}. Received: input_shape={input_shape}"
        )
    return shapes


def _fits(shapes: list[Any], expected: list[Any]) -> bool:
    return len(shapes) == len(expected) and all(
        len(shape) == len(reference)
        and all(want in (None, got) for got, want in zip(shape, reference, strict=True))
        for shape, reference in zip(shapes, expected, strict=True)
    )


def _count(call: Call) -> tuple[LayerOperations, Work, list[NotCounted]]:
    layer = call.operation
    if call.own_parameters is not None:
        # The layers inside have rows of their own: only weights are left.
        nothing = Work(output=Output.VIEW)
        return _row(call, nothing, call.own_parameters, counted=True), nothing, []
    rule = find_rule(layer)
    work: Work | None = None
    reason = "no rule for this layer"
    if rule is not None and not call.is_static:
        reason = f"shapes known only at run time ({call.input_shapes} -> {call.output_shapes})"
    elif rule is not None:
        try:
            work = rule(layer, call)
        except CannotCount as error:
            reason = str(error)
    missing = list(work.missing) if work else [reason]
    done = work or Work()
    is_layer = isinstance(layer, keras.layers.Layer)
    parameters = done.parameters
    if parameters is None:
        parameters = layer.count_params() if is_layer and layer.built else 0
    counted = not missing or bool(done.steps) or done.elementwise.total > 0
    row = _row(call, done, parameters, counted)
    return row, done, [NotCounted(row.name, row.class_name, text) for text in missing]


def _row(call: Call, work: Work, parameters: int, counted: bool) -> LayerOperations:
    return LayerOperations(
        name=call.path,
        class_name=type(call.operation).__name__,
        output_shape=call.output_shapes[0][1:] if call.output_shapes else (),  # type: ignore[arg-type]
        steps=work.steps,
        elementwise=work.elementwise,
        other_parameters=parameters - sum(part.weights for part in work.steps),
        counted=counted,
        twin_steps=work.twin_steps,
        moved=_moved(call, work),
    )


def _moved(call: Call, work: Work) -> Moved:
    if work.steps or work.output in (Output.FOLD, Output.VIEW) or not call.is_static:
        return NOTHING_MOVED
    return Moved(_elements(call.input_shapes), _elements(call.output_shapes))


def _elements(shapes: Any) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _add_call(row: LayerOperations, other: LayerOperations) -> LayerOperations:
    twin = None
    if row.twin_steps is not None and other.twin_steps is not None:
        twin = _add_steps(row.twin_steps, other.twin_steps)
    return replace(
        row,
        steps=_add_steps(row.steps, other.steps),
        elementwise=row.elementwise + other.elementwise,
        calls=row.calls + other.calls,
        counted=row.counted and other.counted,
        twin_steps=twin,
        moved=row.moved + other.moved,
        live=max(row.live, other.live),
        twin_live=max(row.twin_live or 0, other.twin_live or 0),
    )


def _add_steps(first: tuple[Steps, ...], second: tuple[Steps, ...]) -> tuple[Steps, ...]:
    """Adds the steps of two calls of one layer: the weights are the same ones."""
    if not first or not second:
        return first or second
    return tuple(
        replace(
            a,
            count=a.count + b.count,
            ungrouped_count=a.ungrouped_count + b.ungrouped_count,
            inputs=a.inputs + b.inputs,
            outputs=a.outputs + b.outputs,
        )
        for a, b in zip(first, second, strict=True)
    )
