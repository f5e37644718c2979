"""HybridAttention."""

import math
from typing import Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._adder_kernel import gradient_scale_argument
from keras_shiftadd.layers._attention_masks import joined_mask
from keras_shiftadd.layers._projections import make_normalization, make_projection, projections
from keras_shiftadd.layers._shift_kernel import SHIFT_FORMS

SIMILARITIES = ("dot",)
Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridAttention(keras.layers.Layer):
    """Multi-head attention with ordinary, shift or adder projections.

    Takes the place of `keras.layers.MultiHeadAttention` for inputs of rank 3. With
    `projection="dense"` and the same weights it computes the same; there is no `attention_axes`,
    `sliding_window`, `flash_attention` or `use_gate`.

    Behind each adder projection the layer has a `BatchNormalization` of its own, because
    distances are large negative numbers that neither a softmax nor the next layer can use: no
    other normalisation needs to follow. Masked positions take no part in its statistics. It holds
    the bias of the projection, as its offset. Scores and weighted sums are products in every
    case.

    The parts are Keras layers of their own: `layer.query_dense`, `key_dense`, `value_dense` and
    `output_dense`, and `layer.query_normalization` and so on, which are `None` where there is no
    adder. The last projection is made when the layer is built.

    Args:
        num_heads: Integer, number of heads.
        key_dim: Integer, size of a head for queries and keys.
        value_dim: Integer, size of a head for values; `None` is `key_dim`.
        dropout: Number from 0 to below 1, share of the scores that training drops.
        use_bias: Boolean, whether the projections add a bias.
        output_shape: Integer or tuple of integers, the axes of the output behind the tokens.
            `None` is the size of the query.
        kernel_initializer: Initializer of the kernels. `None` takes the projection's own: Glorot
            uniform for `"dense"`; see `ShiftDense` and `AdderDense` for the others.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of the kernels.
        bias_regularizer: Regularizer of the biases.
        activity_regularizer: Regularizer of the outputs of the projections.
        kernel_constraint: Constraint of the kernels.
        bias_constraint: Constraint of the biases.
        seed: Integer, seed of the dropout.
        projection: `"dense"`, `"shift"` or `"adder"`, for all four projections, or a dict with
            one of them for each of `"query"`, `"key"`, `"value"` and `"output"`.
        similarity: How a query is compared with a key. `"dot"`: by their product, scaled by
            `1 / sqrt(key_dim)`.
        form: Form of shift kernels; see `ShiftDense`.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        max_exponent: Largest exponent of shift kernels; see `ShiftDense`.
        gradient: Gradient of adder projections; see `AdderDense`.
        gradient_scale: Norm of the gradient of adder kernels; see `AdderDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics
            behind adder projections. Less of it suits short training.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        query: Tensor `(batch, targets, channels)`.
        value: Tensor `(batch, sources, channels)`.
        key: Tensor `(batch, sources, channels)`; `None` is `value`.
        query_mask: Boolean tensor `(batch, targets)`, or `None`. This and the next two come from
            the Keras masks of the inputs where they are not given.
        value_mask: Boolean tensor `(batch, sources)`, or `None`.
        key_mask: Boolean tensor `(batch, sources)`, or `None`.
        attention_mask: Boolean tensor `(targets, sources)`, `(batch, targets, sources)` or
            `(batch, heads, targets, sources)`, or `None`. A query attends to keys where all masks
            are True.
        return_attention_scores: Boolean, whether the scores are returned too.
        training: Boolean, whether scores are dropped and statistics of the batch are used.
        use_causal_mask: Boolean, whether a query attends to keys up to its own position only.

    Input shape:
        Tensors `(batch, tokens, channels)`.

    Output shape:
        Tensor `(batch, targets, channels)`, or `(batch, targets, *output_shape)`. With
        `return_attention_scores=True` also a tensor `(batch, heads, targets, sources)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> keras_shiftadd.layers.HybridAttention(2, 8, projection="shift")(x, x).shape
    (4, 10, 16)

    Reference:
        - [Vaswani et al., 2017, Attention Is All You Need](https://arxiv.org/abs/1706.03762),
        section 3.2.
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), for shift
        projections.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | tuple[int, ...] | None = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        projection: str | dict[str, str] = "dense",
        similarity: str = "dot",
        form: str = "quantized",
        weight_bits: int = 5,
        max_exponent: int = 0,
        gradient: str = "full_precision",
        gradient_scale: float | None = 0.2,
        normalization_momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = _arguments.positive(num_heads, "num_heads")
        self.key_dim = _arguments.positive(key_dim, "key_dim")
        self.value_dim = (
            key_dim if value_dim is None else _arguments.positive(value_dim, "value_dim")
        )
        self.dropout = _arguments.fraction(dropout, "dropout")
        self.use_bias = use_bias
        # Not `output_shape`: Keras reads that name of a layer in a functional model.
        self._output_axes = _output_axes(output_shape)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        # Not `activity_regularizer`, which Keras would apply to the output of this layer.
        self._projection_regularizer = keras.regularizers.get(activity_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.seed = seed
        self.projections = projections(projection)
        self.projection = projection
        self.similarity = _arguments.one_of(similarity, SIMILARITIES, "similarity")
        self.form = _arguments.one_of(form, SHIFT_FORMS, "form")
        # Which exponents there are also checks both arguments.
        if form == "sign_exponent":
            shiftadd_ops.sign_exponent_exponents(weight_bits, max_exponent)
        else:
            shiftadd_ops.quantized_exponents(weight_bits, max_exponent)
        self.weight_bits = weight_bits
        self.max_exponent = max_exponent
        self.gradient = _arguments.one_of(gradient, shiftadd_ops.ADDER_GRADIENTS, "gradient")
        self.gradient_scale = gradient_scale_argument(gradient_scale)
        self.normalization_momentum = _arguments.fraction(
            normalization_momentum, "normalization_momentum"
        )
        self._add_projection("query", self.num_heads * self.key_dim)
        self._add_projection("key", self.num_heads * self.key_dim)
        self._add_projection("value", self.num_heads * self.value_dim)
        self._softmax = keras.layers.Softmax(dtype=self.dtype_policy, name="softmax")
        self._dropout = keras.layers.Dropout(
            self.dropout, seed=seed, dtype=self.dtype_policy, name="dropout"
        )

    def _add_projection(self, place: str, units: int) -> None:
        kind = self.projections[place]
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
        shift = {
            "form": self.form,
            "weight_bits": self.weight_bits,
            "max_exponent": self.max_exponent,
        }
        adder = {"gradient": self.gradient, "gradient_scale": self.gradient_scale}
        dense = make_projection(kind, units, place, shared, shift, adder)
        setattr(self, f"{place}_dense", dense)
        normalization = make_normalization(kind, place, self.normalization_momentum, shared)
        setattr(self, f"{place}_normalization", normalization)

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Builds the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        output_axes = self._output_axes or (_arguments.channels(query_shape, -1, self.name),)
        self._add_projection("output", math.prod(output_axes))
        heads = (*query_shape[:-1], self.num_heads * self.value_dim)
        for place, shape in (
            ("query", query_shape),
            ("key", key_shape),
            ("value", value_shape),
            ("output", heads),
        ):
            dense = getattr(self, f"{place}_dense")
            dense.build(shape)
            normalization = getattr(self, f"{place}_normalization")
            if normalization is not None:
                normalization.build((*shape[:-1], dense.units))
        self.built = True

    def _check_shapes(self, query_shape: Shape, value_shape: Shape, key_shape: Shape) -> None:
        for name, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"Inputs of layer '{self.name}' must have 3 axes: batch, tokens, channels. "
                    f"Received: {name}_shape={tuple(shape)}. Reshape other axes into tokens."
                )
        if value_shape[1] != key_shape[1]:
            raise ValueError(
                f"`value` and `key` of layer '{self.name}' must have as many tokens each. "
                f"Received: value_shape={tuple(value_shape)}, key_shape={tuple(key_shape)}."
            )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Attends, and returns the output, or the output and the scores."""
        mask = joined_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        # Keras finds no mask of a key that was not given.
        key, key_mask = (value, value_mask) if key is None else (key, key_mask)
        queries = self._split(self._project("query", query, query_mask, training))
        keys = self._split(self._project("key", key, key_mask, training))
        values = self._split(self._project("value", value, value_mask, training))
        scores = self._softmax(self._similarities(queries, keys), mask=mask)
        kept = self._dropout(scores, training=training) if self.dropout else scores
        outputs = ops.transpose(ops.matmul(kept, values), (0, 2, 1, 3))
        outputs = _with_last_axes(outputs, (self.num_heads * self.value_dim,))
        outputs = self._project("output", outputs, query_mask, training)
        if self._output_axes is not None and len(self._output_axes) != 1:
            outputs = _with_last_axes(outputs, self._output_axes)
        return (outputs, scores) if return_attention_scores else outputs

    def _project(self, place: str, inputs: Any, mask: Any, training: bool | None) -> Any:
        dense = getattr(self, f"{place}_dense")
        normalization = getattr(self, f"{place}_normalization")
        if normalization is None:
            return dense(inputs)
        return normalization(dense(inputs, training=training), training=training, mask=mask)

    def _split(self, inputs: Any) -> Any:
        """The heads of a projection: `(batch, heads, tokens, size of a head)`."""
        size = inputs.shape[-1] // self.num_heads
        return ops.transpose(_with_last_axes(inputs, (self.num_heads, size)), (0, 2, 1, 3))

    def _similarities(self, queries: Any, keys: Any) -> Any:
        """How well each query fits each key: `(batch, heads, targets, sources)`."""
        return ops.matmul(queries * self.key_dim**-0.5, ops.transpose(keys, (0, 1, 3, 2)))

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Returns the output shape for the shapes of the inputs."""
        self._check_shapes(query_shape, value_shape, key_shape or value_shape)
        if self._output_axes is None:
            return tuple(query_shape)
        return (*query_shape[:-1], *self._output_axes)

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Returns symbolic outputs for symbolic inputs."""
        shape = self.compute_output_shape(
            query.shape, value.shape, None if key is None else key.shape
        )
        outputs = keras.KerasTensor(shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        shape = (query.shape[0], self.num_heads, query.shape[1], value.shape[1])
        return outputs, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self._output_axes,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(self._projection_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "seed": self.seed,
            "projection": self.projection,
            "similarity": self.similarity,
            "form": self.form,
            "weight_bits": self.weight_bits,
            "max_exponent": self.max_exponent,
            "gradient": self.gradient,
            "gradient_scale": self.gradient_scale,
            "normalization_momentum": self.normalization_momentum,
        }


def _output_axes(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    axes = (value,) if isinstance(value, int) else value
    if not isinstance(axes, tuple | list) or not axes:
        raise ValueError(
            "`output_shape` must be None, a positive integer or a tuple of positive integers. "
            f"Received: output_shape={value!r}."
        )
    return tuple(_arguments.positive(axis, "output_shape") for axis in axes)


def _with_last_axes(inputs: Any, axes: tuple[int, ...]) -> Any:
    """Reshapes `(batch, tokens, ...)` to `(batch, tokens, *axes)`."""
    # At most one of batch and tokens is -1: one of them may be unknown while a graph is drawn.
    batch, tokens = -1, inputs.shape[1]
    if tokens is None:
        batch, tokens = ops.shape(inputs)[0], -1
    return ops.reshape(inputs, (batch, tokens, *axes))
