"""What attention layers do with their projections: make, build, apply, describe."""

import math
from numbers import Integral
from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._attention_axes import AttentionAxes, attention_axes_argument
from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.layers._projections import make_normalization, make_projection, projections
from keras_shiftadd.ops import _numbers

Shape = tuple[int | None, ...]


class AttentionBase(keras.layers.Layer):
    """Base of attention layers: four projections, of which the key's may be the query's.

    The arguments are those of `HybridAttention` that concern projections and shapes.
    """

    _shares_query = False

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None,
        use_bias: bool,
        use_gate: bool,
        output_shape: int | tuple[int, ...] | None,
        attention_axes: int | tuple[int, ...] | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
        projection: str | dict[str, str],
        form: str,
        weight_bits: int,
        max_exponent: int,
        gradient: str,
        gradient_scale: float | None,
        normalization_momentum: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = _numbers.positive(num_heads, "num_heads")
        self.key_dim = _numbers.positive(key_dim, "key_dim")
        value_dim = self.key_dim if value_dim is None else value_dim
        self.value_dim = _numbers.positive(value_dim, "value_dim")
        self.use_bias = use_bias
        self.use_gate = use_gate
        # Not `output_shape`: Keras reads that name of a layer in a functional model.
        self._output_axes = _output_axes(output_shape)
        self.attention_axes = attention_axes_argument(attention_axes)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        # Not `activity_regularizer`, which Keras would apply to the output of this layer.
        self._projection_regularizer = keras.regularizers.get(activity_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.projections = projections(projection)
        self.projection = projection
        self._operators = OperatorArguments(
            form, weight_bits, max_exponent, gradient, gradient_scale, normalization_momentum
        )
        # Public attributes, like all other arguments.
        for name, value in self._operators.get_config().items():
            setattr(self, name, value)
        self._add_projection("query", self.num_heads * self.key_dim)
        if self._shares_query:
            self.key_dense = self.key_normalization = None
        else:
            self._add_projection("key", self.num_heads * self.key_dim)
        # Before the value, as in Keras, so that weights have one order.
        self.gate_dense = self.gate_normalization = None
        if use_gate:
            self._add_projection("gate", self.num_heads * self.value_dim)
        self._add_projection("value", self.num_heads * self.value_dim)

    def _add_projection(self, place: str, units: int) -> None:
        kind = self.projections["query" if place == "gate" else place]
        shared = {
            "use_bias": self.use_bias,
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "activity_regularizer": self._projection_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
            "trainable": self.trainable,
            "dtype": self.dtype_policy,
        }
        operators = self._operators
        dense = make_projection(kind, units, place, shared, operators.shift, operators.adder)
        setattr(self, f"{place}_dense", dense)
        normalization = make_normalization(kind, place, operators.normalization_momentum, shared)
        setattr(self, f"{place}_normalization", normalization)

    def _build_projections(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        output_axes = self._output_axes or (_arguments.channels(query_shape, -1, self.name),)
        self._add_projection("output", math.prod(output_axes))
        heads = (*query_shape[:-1], self.num_heads * self.value_dim)
        shapes = {
            "gate": query_shape,
            "query": query_shape,
            "key": key_shape,
            "value": value_shape,
            "output": heads,
        }
        for place, shape in shapes.items():
            dense = getattr(self, f"{place}_dense")
            if dense is None:
                continue
            dense.build(shape)
            normalization = getattr(self, f"{place}_normalization")
            if normalization is not None:
                normalization.build((*shape[:-1], dense.units))

    def _axes(self, rank: int) -> AttentionAxes:
        return AttentionAxes.of(self.attention_axes, rank, self.name)

    def _check_shapes(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        ranks = {len(query_shape), len(value_shape), len(key_shape)}
        axes = self._axes(len(query_shape))
        if len(ranks) != 1 or any(
            a is not None and b is not None and a != b
            for other in (value_shape, key_shape)
            for a, b in zip(
                axes.sizes(query_shape, axes.free), axes.sizes(other, axes.free), strict=True
            )
        ):
            raise ValueError(
                f"`query`, `value` and `key` of layer '{self.name}' must have as many axes each, "
                "of equal size where attention does not go along them. "
                f"Received: query_shape={tuple(query_shape)}, value_shape={tuple(value_shape)}, "
                f"key_shape={tuple(key_shape)}."
            )
        if any(
            a is not None and b is not None and a != b
            for a, b in zip(value_shape[1:-1], key_shape[1:-1], strict=True)
        ):
            raise ValueError(
                f"`value` and `key` of layer '{self.name}' must have as many tokens each. "
                f"Received: value_shape={tuple(value_shape)}, key_shape={tuple(key_shape)}."
            )

    def _project(self, place: str, inputs: Any, mask: Any, training: bool | None) -> Any:
        dense = getattr(self, f"{place}_dense")
        normalization = getattr(self, f"{place}_normalization")
        if normalization is None:
            return dense(inputs)
        return normalization(dense(inputs, training=training), training=training, mask=mask)

    def _gated(self, joined: Any, query: Any, mask: Any, training: bool | None) -> Any:
        """The mixed values of the heads, multiplied by the sigmoid of a projected query."""
        if not self.use_gate:
            return joined
        return joined * ops.sigmoid(self._project("gate", query, mask, training))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "output_shape": self._output_axes,
            "attention_axes": self.attention_axes,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(self._projection_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "projection": self.projection,
            **self._operators.get_config(),
        }


def _output_axes(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    axes = (value,) if isinstance(value, Integral) else value
    if not isinstance(axes, tuple | list) or not axes:
        raise ValueError(
            "`output_shape` must be None, a positive integer or a tuple of positive integers. "
            f"Received: output_shape={value!r}."
        )
    return tuple(_numbers.positive(axis, "output_shape") for axis in axes)
