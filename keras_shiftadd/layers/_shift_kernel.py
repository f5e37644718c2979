"""The shift operator: kernels of powers of two, in three trained forms."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._operator_layer import OperatorLayer

SHIFT_FORMS = ("quantized", "sign_exponent", "dense")


class _Limits(keras.constraints.Constraint):
    """Keeps trained exponents inside their range, where a step has left it."""

    def __init__(self, exponents: range) -> None:
        self.low, self.high = float(exponents[0]), float(exponents[-1])

    def __call__(self, exponent: Any) -> Any:
        return ops.clip(exponent, self.low, self.high)


class ShiftKernel(OperatorLayer):
    """Mixin for a layer whose kernel is rounded to powers of two."""

    operator = "shift"

    def __init__(
        self,
        form: str,
        weight_bits: int,
        max_exponent: int,
        activation_bits: tuple[int, int] | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.form = _arguments.one_of(form, SHIFT_FORMS, "form")
        # Which exponents there are also checks both arguments.
        if form == "sign_exponent":
            self.exponents = shiftadd_ops.sign_exponent_exponents(weight_bits, max_exponent)
        else:
            self.exponents = shiftadd_ops.quantized_exponents(weight_bits, max_exponent)
        self.weight_bits = int(weight_bits)
        self.max_exponent = int(max_exponent)
        if activation_bits is not None:
            if not isinstance(activation_bits, tuple | list) or len(activation_bits) != 2:
                raise ValueError(
                    "`activation_bits` must be None or (integer_bits, fraction_bits). "
                    f"Received: activation_bits={activation_bits!r}."
                )
            shiftadd_ops.check_fixed_point_bits(*activation_bits)
            activation_bits = (int(activation_bits[0]), int(activation_bits[1]))
        self.activation_bits = activation_bits
        if form != "quantized" and self.kernel_constraint is not None:
            raise ValueError(
                "A kernel constraint needs the float kernel of form='quantized'. "
                f"Received: form={form!r} with a constraint of the kernel. Leave one of them out."
            )

    def _add_kernel(self, shape: tuple[int, ...]) -> None:
        # The variables are not autocast: a weight must round the same way under every policy.
        if self.form == "quantized":
            self.kernel = self.add_weight(
                name="kernel",
                shape=shape,
                initializer=self.kernel_initializer or "glorot_uniform",
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
                autocast=False,
            )
            return
        sign, exponent = self._sign_exponent_initializers()
        self.kernel_sign = self.add_weight(
            name="kernel_sign", shape=shape, initializer=sign, autocast=False
        )
        self.kernel_exponent = self.add_weight(
            name="kernel_exponent",
            shape=shape,
            initializer=exponent,
            constraint=_Limits(self.exponents),
            autocast=False,
        )

    def _sign_exponent_initializers(self) -> tuple[Any, Any]:
        low, high = float(self.exponents[0]), float(self.exponents[-1])
        given = self.kernel_initializer
        if given is None:
            exponent = keras.initializers.RandomUniform(low, high)
            if self.form == "sign_exponent":
                return keras.initializers.RandomUniform(-1.0, 1.0), exponent
            # Signs of low variance: they can still flip in the first steps.
            return keras.initializers.RandomNormal(stddev=0.01), exponent

        def sign(shape: Any, dtype: Any = None) -> Any:
            return ops.sign(given(shape, dtype=dtype))

        def exponent_of(shape: Any, dtype: Any = None) -> Any:
            magnitude = ops.maximum(ops.abs(given(shape, dtype=dtype)), 2.0**low)
            return ops.clip(ops.log2(magnitude), low, high)

        return sign, exponent_of

    def _rounded_kernel(self) -> Any:
        if self.form == "quantized":
            return shiftadd_ops.round_to_power_of_two(
                self.kernel, self.weight_bits, self.max_exponent
            )
        build = (
            shiftadd_ops.power_of_two_from_sign_exponent
            if self.form == "sign_exponent"
            else shiftadd_ops.zero_free_power_of_two
        )
        return build(self.kernel_sign, self.kernel_exponent, self.weight_bits, self.max_exponent)

    def effective_kernel(self) -> Any:
        """Returns the rounded weights: float32, each a power of two (or zero, but in `"dense"`)."""
        return ops.cast(self._rounded_kernel(), "float32")

    def _operate(self, inputs: Any) -> Any:
        if self.activation_bits is not None:
            inputs = shiftadd_ops.round_to_fixed_point(inputs, *self.activation_bits)
        kernel = self._rounded_kernel()
        if self.form != "quantized" and self.kernel_regularizer is not None:
            self.add_loss(self.kernel_regularizer(kernel))
        return self._convolve(inputs, kernel)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "form": self.form,
            "weight_bits": self.weight_bits,
            "max_exponent": self.max_exponent,
            "activation_bits": self.activation_bits,
        }
