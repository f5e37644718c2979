"""A dense, shift or adder projection, with the normalisation that an adder needs."""

from typing import Any

import keras

from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.layers._projections import make_normalization, make_projection


class Projection(keras.layers.Layer):
    """A dense, shift or adder layer; behind an adder, a normalisation that holds its bias.

    Args:
        kind: `"dense"`, `"shift"` or `"adder"`.
        units: Integer, size of the output.
        use_bias: Boolean, whether a bias is added.
        shared: Initializers, regularizers and constraints of kernel and bias.
        operators: Arguments of shift and adder layers.
        **kwargs: Keyword arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        kind: str,
        units: int,
        use_bias: bool,
        shared: dict[str, Any],
        operators: OperatorArguments,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.kind = kind
        self.units = units
        arguments = {
            "bias_initializer": "zeros",
            "bias_regularizer": None,
            "bias_constraint": None,
            "kernel_initializer": None,
            **shared,
            "use_bias": use_bias,
            "trainable": self.trainable,
            "dtype": self.dtype_policy,
        }
        self.dense = make_projection(kind, units, kind, arguments, operators.shift, operators.adder)
        self.normalization = make_normalization(
            kind, kind, operators.normalization_momentum, arguments
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layer and the normalisation."""
        self.dense.build(input_shape)
        if self.normalization is not None:
            self.normalization.build((*input_shape[:-1], self.units))
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Projects, and normalises what an adder puts out; masked positions do not count."""
        if self.normalization is None:
            return self.dense(inputs)
        outputs = self.dense(inputs, training=training)
        return self.normalization(outputs, training=training, mask=mask)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return (*input_shape[:-1], self.units)
