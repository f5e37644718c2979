"""The arguments of shift and adder operators that layers made of layers hand on."""

from typing import Any

from keras_shiftadd import ops as shiftadd_ops
from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._adder_kernel import gradient_scale_argument
from keras_shiftadd.layers._shift_kernel import SHIFT_FORMS
from keras_shiftadd.ops import _numbers


class OperatorArguments:
    """Checked arguments of shift and adder layers.

    Args:
        form: Form of shift kernels.
        weight_bits: Bits of shift kernels.
        max_exponent: Largest exponent of shift kernels.
        gradient: Gradient of adder layers.
        gradient_scale: Norm of the gradient of adder kernels.
        normalization_momentum: Momentum of the statistics behind adder layers.
    """

    def __init__(
        self,
        form: str,
        weight_bits: int,
        max_exponent: int,
        gradient: str,
        gradient_scale: float | None,
        normalization_momentum: float,
    ) -> None:
        _arguments.one_of(form, SHIFT_FORMS, "form")
        # Which exponents there are also checks both arguments.
        if form == "sign_exponent":
            shiftadd_ops.sign_exponent_exponents(weight_bits, max_exponent)
        else:
            shiftadd_ops.quantized_exponents(weight_bits, max_exponent)
        self.shift: dict[str, Any] = {
            "form": form,
            "weight_bits": weight_bits,
            "max_exponent": max_exponent,
        }
        self.adder: dict[str, Any] = {
            "gradient": _arguments.one_of(gradient, shiftadd_ops.ADDER_GRADIENTS, "gradient"),
            "gradient_scale": gradient_scale_argument(gradient_scale),
        }
        self.normalization_momentum = _numbers.fraction(
            normalization_momentum, "normalization_momentum"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return {
            **self.shift,
            **self.adder,
            "normalization_momentum": self.normalization_momentum,
        }
