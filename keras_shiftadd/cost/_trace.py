"""The calls of a model: which layer is called, on what shape, how often.

The graph of a functional model is walked with `keras.models.clone_model`, each of its operations
replaced by a probe that asks the original for its output shape and takes a note. The probed model
is thrown away; no weight is created, and the layers of the model are not called. Nested models are
walked in the same way. A subclassed model, or a layer that is made of other layers, has no graph:
its `call` is run on symbolic inputs first, which draws one.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, or of a Keras operation such as the `+` of two tensors."""

    operation: Any
    path: str
    input_shapes: tuple[tuple[int | None, ...], ...]
    output_shapes: tuple[tuple[int | None, ...], ...]
    # Set where a layer made of layers has been entered, and has weights besides theirs.
    own_parameters: int | None = None
    # Numbers of the tensors that are read and written; a tensor has one number all over the model.
    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    # Positional and named arguments, as symbolic tensors, for rules to which their places matter.
    arguments: tuple[Any, dict[str, Any]] = ((), {})

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the first input, batch dimension (1) included."""
        return self.input_shapes[0]  # type: ignore[return-value]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the first output, batch dimension (1) included."""
        return self.output_shapes[0]  # type: ignore[return-value]

    @property
    def input_elements(self) -> int:
        """Elements of the first input."""
        return math.prod(self.input_shape)

    @property
    def output_elements(self) -> int:
        """Elements of the first output."""
        return math.prod(self.output_shape)

    @property
    def is_static(self) -> bool:
        """Whether all shapes are known."""
        return all(None not in shape for shape in self.input_shapes + self.output_shapes)


@dataclass(frozen=True)
class Trace:
    """The calls of a model, in the order of execution, and the tensors at its ends."""

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    # Elements of each tensor, by number; 0 where the size is known only at run time.
    elements: tuple[int, ...]


def trace_calls(
    model: keras.Model,
    input_shapes: list[tuple[int, ...]],
    is_leaf: Callable[[Any], bool],
) -> Trace:
    """Lists the calls of a model on inputs of batch size 1.

    Args:
        model: a built model.
        input_shapes: a shape an input, without the batch dimension.
        is_leaf: says whether an operation is taken as a whole. What is no leaf is entered if it
            is a model or has layers inside.

    Returns:
        A `Trace`.

    Raises:
        ValueError: the model cannot be run on symbolic inputs.
    """
    known = getattr(model, "inputs", None)
    dtypes = [x.dtype for x in known] if known else [None] * len(input_shapes)
    inputs = [
        keras.Input(batch_shape=(1, *shape), dtype=dtype)
        for shape, dtype in zip(input_shapes, dtypes, strict=True)
    ]
    tracer = _Tracer(is_leaf)
    # A subclassed model takes several inputs as one list, as model.fit passes them.
    arguments = tuple(inputs) if known or len(inputs) == 1 else (inputs,)
    try:
        outputs = tracer.enter(model, arguments, {}, prefix="")
    except Exception as error:
        raise ValueError(
            f"The model could not be run on symbolic inputs of shape {input_shapes}: "
            f"{_one_line(error)}. A subclassed model must call only Keras layers and keras.ops."
        ) from error
    return Trace(
        tuple(tracer.calls),
        tracer.numbers(inputs),
        tracer.numbers(outputs),
        tuple(tracer.elements),
    )


def has_sublayers(operation: Any) -> bool:
    """Says whether a layer keeps other layers as attributes."""
    values = keras.tree.flatten([v for k, v in vars(operation).items() if not k.startswith("__")])
    return any(isinstance(value, keras.layers.Layer) for value in values)


class _Tracer:
    def __init__(self, is_leaf: Callable[[Any], bool]) -> None:
        self.is_leaf = is_leaf
        self.calls: list[Call] = []
        self.elements: list[int] = []
        # Tensors are kept with their numbers: an address may be given again to a later object.
        self._known: dict[int, tuple[int, Any]] = {}

    def number(self, tensor: Any) -> int:
        """The number of a tensor; a new one at the first meeting."""
        if id(tensor) not in self._known:
            self._known[id(tensor)] = len(self.elements), tensor
            self.elements.append(0 if None in tensor.shape else math.prod(tensor.shape))
        return self._known[id(tensor)][0]

    def numbers(self, structure: Any) -> tuple[int, ...]:
        """The numbers of all tensors of a structure."""
        return tuple(map(self.number, _tensors(structure)))

    def stand_in(self, tensor: Any, original: Any) -> Any:
        """Gives a tensor the number of another, and returns it."""
        self._known[id(tensor)] = self.number(original), tensor
        return tensor

    def visit(self, operation: Any, prefix: str, args: Any, kwargs: Any) -> Any:
        path = prefix + operation.name
        if not self.is_leaf(operation) and isinstance(operation, keras.layers.Layer):
            if isinstance(operation, keras.Model):
                return self.enter(operation, args, kwargs, path + "/")
            if has_sublayers(operation):
                before = len(self.calls)
                try:
                    return self.enter(operation, args, kwargs, path + "/")
                except Exception:
                    # It cannot be run symbolically from inside: it stays one row without a rule.
                    del self.calls[before:]
        outputs = operation.compute_output_spec(*args, **kwargs)
        if _is_open(outputs) and not _is_open((args, kwargs)):
            # Some layers (EinsumDense) repeat the open sizes that they were built with. Operation's
            # own method runs `call` symbolically, which gives the sizes of this call.
            outputs = keras.Operation.compute_output_spec(operation, *args, **kwargs)
        self.calls.append(
            Call(
                operation,
                path,
                _shapes((args, kwargs)),
                _shapes(outputs),
                reads=self.numbers((args, kwargs)),
                writes=self.numbers(outputs),
                arguments=(args, kwargs),
            )
        )
        return outputs

    def enter(self, layer: Any, args: Any, kwargs: Any, prefix: str) -> Any:
        before = len(self.calls)
        outputs = self._walk(layer, args, kwargs, prefix)
        reached = {id(w) for call in self.calls[before:] for w in _weights(call.operation)}
        own = sum(math.prod(w.shape) for w in layer.weights if id(w) not in reached)
        if own:
            path = prefix.removesuffix("/") or layer.name
            shapes = _shapes((args, kwargs)), _shapes(outputs)
            self.calls.append(Call(layer, path, *shapes, own_parameters=own))
        return outputs

    def _walk(self, layer: Any, args: Any, kwargs: Any, prefix: str) -> Any:
        if getattr(layer, "inputs", None) and getattr(layer, "outputs", None):
            inner_inputs, inner_outputs = layer.inputs, layer.outputs
            # A Sequential has one output, and no `output` before it is called by another model.
            structure = inner_outputs[0] if len(inner_outputs) == 1 else layer.output
        else:
            # The layer has no graph of its own: its call, run on symbolic inputs, draws one.
            fresh_args, fresh_kwargs = keras.tree.map_structure(_fresh_input, (args, kwargs))
            structure = layer.call(*fresh_args, **fresh_kwargs)
            inner_inputs = _tensors((fresh_args, fresh_kwargs))
            inner_outputs = _tensors(structure)
        graph = keras.Model(inner_inputs, inner_outputs)
        probed = keras.models.clone_model(
            graph,
            input_tensors=[self.stand_in(_fresh_input(x), x) for x in _tensors((args, kwargs))],
            clone_function=lambda operation: _Probe(operation, self, prefix),
        )
        outputs = [
            self.stand_in(keras.KerasTensor(x.shape, dtype=x.dtype), x) for x in probed.outputs
        ]
        return keras.tree.pack_sequence_as(structure, outputs)


class _Probe(keras.Operation):
    """Stands in for an operation in the probed graph."""

    def __init__(self, operation: Any, tracer: _Tracer, prefix: str) -> None:
        super().__init__()
        self.operation = operation
        self.tracer = tracer
        self.prefix = prefix

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.operation(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self.tracer.visit(self.operation, self.prefix, args, kwargs)


def _weights(operation: Any) -> list[Any]:
    return operation.weights if isinstance(operation, keras.layers.Layer) else []


def _tensors(structure: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]


def _shapes(structure: Any) -> tuple[tuple[int | None, ...], ...]:
    return tuple(tuple(x.shape) for x in _tensors(structure))


def _is_open(structure: Any) -> bool:
    return any(None in shape for shape in _shapes(structure))


def _fresh_input(x: Any) -> Any:
    return keras.Input(batch_shape=x.shape, dtype=x.dtype) if _tensors(x) else x


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
