"""HybridLightweightConv1D."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._lightweight_kernel import LIGHTWEIGHT_OPERATORS, LightweightKernel
from keras_shiftadd.layers._operator_arguments import OperatorArguments
from keras_shiftadd.layers._projection import Projection
from keras_shiftadd.layers._projections import PROJECTIONS
from keras_shiftadd.ops import _numbers


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridLightweightConv1D(keras.layers.Layer):
    """Lightweight convolution, in the place of self-attention: conv, shift or adder kernels.

    A projection with a gated linear unit, a depthwise convolution along time whose kernels are
    shared by the channels of a head, and a projection. Time and memory grow linearly with the
    tokens.

    Conv kernels go through a softmax over their taps, shift kernels are then rounded to powers of
    two. Adder kernels are compared with the inputs by their L1 distance. Behind an adder there is
    a `BatchNormalization`: no other normalisation needs to follow. Masked positions count as
    zeros, like positions beyond the ends, and take no part in its statistics.

    The parts are Keras layers of their own: `layer.input_projection`, `layer.depthwise` and
    `layer.output_projection`.

    Args:
        kernel_size: Integer, window of the convolution.
        num_heads: Integer, number of kernels; it divides `filters`.
        filters: Integer, size of the output; `None` is that of the input.
        padding: `"same"`, or `"causal"`: an output depends on its position and earlier ones only.
        operator: `"conv"`, `"shift"`, `"adder"`, or `"shift_adder"`: a shift convolution,
            then an adder convolution.
        projection: `"dense"`, `"shift"` or `"adder"`, for both projections.
        use_glu: Boolean, whether the first projection has a gated linear unit.
        use_bias: Boolean, whether the projections add a bias.
        kernel_initializer: Initializer of the kernels along time; `None` is Glorot uniform, or a
            normal distribution of deviation 1 for adder kernels.
        kernel_regularizer: Regularizer of the kernels along time.
        kernel_constraint: Constraint of the kernels along time.
        form: Form of the shift kernels of projections; see `ShiftDense`.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        max_exponent: Largest exponent of shift kernels; see `ShiftDense`.
        gradient: Gradient of adder kernels; see `AdderDense`.
        gradient_scale: Norm of the gradient of adder kernels; see `AdderDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adders.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor `(batch, tokens, channels)`.
        mask: Boolean tensor `(batch, tokens)`, or `None`.
        cache: Inputs of earlier calls, as `make_cache` or such a call returned them, or `None`;
            with causal padding. With it, the next cache is returned too.
        training: Boolean, whether statistics of the batch are used.

    Input shape:
        Tensor `(batch, tokens, channels)`.

    Output shape:
        Tensor `(batch, tokens, filters)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> layer = keras_shiftadd.layers.HybridLightweightConv1D(3, 4, operator="shift")
    >>> layer(x).shape
    (4, 10, 16)

    Reference:
        - [Wu et al., 2019, Pay Less Attention with Lightweight and Dynamic Convolutions](
        https://arxiv.org/abs/1901.10430), section 3.
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), for the operators.
    """

    normalizes_itself = True

    def __init__(
        self,
        kernel_size: int,
        num_heads: int,
        filters: int | None = None,
        padding: str = "same",
        operator: str = "conv",
        projection: str = "dense",
        use_glu: bool = True,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
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
        self.kernel_size = _numbers.positive(kernel_size, "kernel_size")
        self.num_heads = _numbers.positive(num_heads, "num_heads")
        self.filters = None if filters is None else _numbers.positive(filters, "filters")
        self.padding = _arguments.one_of(padding, ("same", "causal"), "padding")
        self.operator = _arguments.one_of(operator, LIGHTWEIGHT_OPERATORS, "operator")
        self.projection = _arguments.one_of(projection, PROJECTIONS, "projection")
        self.use_glu = use_glu
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self._operators = OperatorArguments(
            form, weight_bits, max_exponent, gradient, gradient_scale, normalization_momentum
        )
        self.depthwise = LightweightKernel(
            operator,
            kernel_size,
            num_heads,
            padding,
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
            self._operators,
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name="depthwise",
        )
        self._gate = keras.layers.Activation("sigmoid", dtype=self.dtype_policy, name="gate")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the projections and the kernels."""
        if len(input_shape) != 3:
            raise ValueError(
                f"Inputs of layer '{self.name}' must have 3 axes: batch, tokens, channels. "
                f"Received: input_shape={tuple(input_shape)}."
            )
        filters = self.filters or _arguments.channels(input_shape, -1, self.name)
        if filters % self.num_heads:
            raise ValueError(
                "`filters` must be a multiple of `num_heads`. "
                f"Received: {filters} filters, num_heads={self.num_heads}."
            )
        self.input_projection = self._projection("input", filters * (2 if self.use_glu else 1))
        self.output_projection = self._projection("output", filters)
        inner = (*input_shape[:-1], filters)
        self.input_projection.build(input_shape)
        self.depthwise.build(inner)
        self.output_projection.build(inner)
        self.built = True

    def _projection(self, place: str, units: int) -> Projection:
        return Projection(
            self.projection,
            units,
            self.use_bias,
            {},
            self._operators,
            trainable=self.trainable,
            dtype=self.dtype_policy,
            name=f"{place}_projection",
        )

    def make_cache(self, batch_size: int, channels: int) -> Any:
        """Returns an empty cache for calls with `cache`.

        Args:
            batch_size: Integer, number of sequences.
            channels: Integer, number of channels of the inputs.

        Returns:
            Tensor `(batch, earlier inputs, filters)`.
        """
        shape = (batch_size, self.depthwise.history, self.filters or channels)
        return ops.zeros(shape, dtype=self.compute_dtype)

    def call(
        self, inputs: Any, mask: Any = None, cache: Any = None, training: bool | None = None
    ) -> Any:
        """Convolves along time; with a cache, returns the next cache too."""
        if cache is not None and self.padding != "causal":
            raise ValueError(
                "A cache needs padding='causal': other outputs depend on later inputs. "
                f"Received: padding={self.padding!r} with a cache."
            )
        x = self.input_projection(inputs, mask=mask, training=training)
        if self.use_glu:
            x, gate = ops.split(x, 2, axis=-1)
            x = x * self._gate(gate)
        x = self.depthwise(x, mask=mask, cache=cache, training=training)
        if cache is None:
            return self.output_projection(x, mask=mask, training=training)
        x, cache = x
        return self.output_projection(x, mask=mask, training=training), cache

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return (*input_shape[:-1], self.filters or input_shape[-1])

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns symbolic outputs for symbolic inputs."""
        if kwargs.get("cache") is not None:
            # There are two outputs: `call` is traced.
            return keras.Operation.compute_output_spec(self, *args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "num_heads": self.num_heads,
            "filters": self.filters,
            "padding": self.padding,
            "operator": self.operator,
            "projection": self.projection,
            "use_glu": self.use_glu,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            **self._operators.get_config(),
        }
