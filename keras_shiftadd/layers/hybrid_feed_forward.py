"""HybridFeedForward."""

from typing import Any

import keras

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.layers._projection import Projection
from keras_shiftadd.layers._projections import projections
from keras_shiftadd.ops import _numbers

_PLACES = ("hidden", "output")


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridFeedForward(keras.layers.Layer):
    """The feed-forward part of a transformer, of dense, shift or adder layers.

    Two layers with an activation and dropout between them, applied to each position. Behind an
    adder layer there is a `BatchNormalization`, which holds its bias: no other normalisation
    needs to follow. Masked positions take no part in its statistics.

    Args:
        hidden_units: Integer, size between the two layers.
        units: Integer, size of the output; `None` is that of the input.
        activation: Activation function between the layers, or its name.
        dropout: Number from 0 to below 1, share of the hidden values that training drops.
        use_bias: Boolean, whether the layers add a bias.
        projection: `"dense"`, `"shift"` or `"adder"`, for both layers, or a dict with one of them
            for each of `"hidden"` and `"output"`.
        kernel_initializer: Initializer of the kernels. `None` takes the layer's own.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of the kernels.
        bias_regularizer: Regularizer of the biases.
        kernel_constraint: Constraint of the kernels.
        bias_constraint: Constraint of the biases.
        seed: Integer, seed of the dropout.
        form: Form of shift kernels; see `ShiftDense`.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        max_exponent: Largest exponent of shift kernels; see `ShiftDense`.
        gradient: Gradient of adder layers; see `AdderDense`.
        gradient_scale: Norm of the gradient of adder kernels; see `AdderDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adder layers.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor `(batch, ..., channels)`.
        mask: Boolean tensor `(batch, ...)`, or `None`.
        training: Boolean, whether values are dropped and statistics of the batch are used.

    Input shape:
        Tensor `(batch, ..., channels)`.

    Output shape:
        Tensor `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> keras_shiftadd.layers.HybridFeedForward(64, projection="shift")(x).shape
    (4, 10, 16)

    Reference:
        - [Vaswani et al., 2017, Attention Is All You Need](https://arxiv.org/abs/1706.03762),
        section 3.3.
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), for shift layers.
    """

    def __init__(
        self,
        hidden_units: int,
        units: int | None = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        use_bias: bool = True,
        projection: str | dict[str, str] = "dense",
        kernel_initializer: Any = None,
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
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
        self.hidden_units = _numbers.positive(hidden_units, "hidden_units")
        self.units = None if units is None else _numbers.positive(units, "units")
        self.use_bias = use_bias
        self.projection = projection
        self._kinds = projections(projection, _PLACES)
        self.seed = seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self._operators = OperatorArguments(
            form, weight_bits, max_exponent, gradient, gradient_scale, normalization_momentum
        )
        self.activation = keras.activations.get(activation)
        self.dropout = _numbers.fraction(dropout, "dropout")
        self.hidden = self._projection("hidden", self.hidden_units)
        self._activation = keras.layers.Activation(
            self.activation, dtype=self.dtype_policy, name="activation"
        )
        self._dropout = keras.layers.Dropout(
            self.dropout, seed=seed, dtype=self.dtype_policy, name="dropout"
        )

    def _projection(self, place: str, units: int) -> Projection:
        shared = {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
        }
        return Projection(
            self._kinds[place],
            units,
            self.use_bias,
            shared,
            self._operators,
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name=place,
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds both layers; the second is made here, as its size may be that of the input."""
        units = self.units or _arguments.channels(input_shape, -1, self.name)
        self.hidden.build(input_shape)
        # Not `output`, which Keras keeps for the symbolic output of a layer.
        self.output_projection = self._projection("output", units)
        self.output_projection.build((*input_shape[:-1], self.hidden_units))
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Applies both layers."""
        x = self._activation(self.hidden(inputs, mask=mask, training=training))
        if self.dropout:
            x = self._dropout(x, training=training)
        return self.output_projection(x, mask=mask, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return (*input_shape[:-1], self.units or input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "projection": self.projection,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "seed": self.seed,
            **self._operators.get_config(),
        }
