"""How a model is quantised."""

from dataclasses import dataclass
from typing import Literal, get_args

Calibration = Literal["minmax", "percentile", "mse"]
Rounding = Literal["single", "double"]


@dataclass(frozen=True)
class Options:
    """The choices of `quantize`, checked.

    Args:
        calibration: How the range of a tensor is chosen.
        redistribute: Whether weights of adder layers beyond the range of their inputs become a
            constant summand.
        correct_bias: Whether the mean error of each channel of an adder layer goes into its bias.
        conv_rounding: How multiplicative convolutions are requantised.
        add_rounding: How sums and differences of two tensors are requantised.
        power_of_two_scales: Whether shift layers are requantised by shifts alone.
    """

    calibration: Calibration = "mse"
    redistribute: bool = True
    correct_bias: bool = True
    conv_rounding: Rounding = "double"
    power_of_two_scales: bool = False
    add_rounding: Rounding = "double"

    def __post_init__(self) -> None:
        for name, kinds in (
            ("calibration", Calibration),
            ("conv_rounding", Rounding),
            ("add_rounding", Rounding),
        ):
            value = getattr(self, name)
            if value not in get_args(kinds):
                raise ValueError(
                    f"`{name}` must be one of {', '.join(get_args(kinds))}. "
                    f"Received: {name}={value!r}."
                )
        for name in ("redistribute", "correct_bias", "power_of_two_scales"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}.")
