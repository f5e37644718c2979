"""What `benchmarks/micro.py` compares on each processor, and the goals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A kernel with the numbers that it is run on.

    Args:
        label: What the tables call it.
        kernel: Its name.
        operator: "conv", "shift" or "adder".
        rounding: As in `micro_layers.network`.
        reference: Whether it multiplies as convolutions do; others are held against the best.
        layers: The only layers that it is run on, for rows that take long; all if empty.
    """

    label: str
    kernel: str
    operator: str
    rounding: str
    reference: bool = False
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Goal:
    """The most instructions that a kernel may take."""

    target: str
    row: str
    layer: str
    most: int


_CMSIS = tuple(
    Row(name, name, "conv", "double", reference=True) for name in ("CMSIS-NN", "CMSIS-NN, GCC")
)
_DEPTHWISE = (
    Row("conv_depthwise", "conv_depthwise", "conv", "double", reference=True),
    Row("adder_depthwise", "adder_depthwise", "adder", "single"),
    Row("shift_depthwise", "shift_depthwise", "shift", "power of two"),
)
_GROUPED = tuple(
    Row(f"shift_conv_grouped_{n}", f"shift_conv_grouped_{n}", "shift", "power of two")
    for n in (8, 4, 2)
)
_DIGITS = Row("conv by signed digits", "shift_conv_grouped_8", "conv", "single")
_DIGITS_2 = Row("conv by signed digits, 2 pixels", "shift_conv_grouped_2", "conv", "single")
_TABLE = Row("adder_conv_table", "adder_conv_table", "adder", "single")
_DSP = (
    *_CMSIS,
    Row("conv_dsp, TFLite's rounding", "conv_dsp", "conv", "double", reference=True),
    Row("conv_dsp", "conv_dsp", "conv", "single", reference=True),
    Row("adder_conv_dsp", "adder_conv_dsp", "adder", "single"),
    _GROUPED[0],
    Row("conv_depthwise", "conv_depthwise", "conv", "single", reference=True),
    *_DEPTHWISE[1:],
)
ROWS: dict[str, tuple[Row, ...]] = {
    "cortex-m4": _DSP,
    "cortex-m7": _DSP,
    "cortex-m33": _DSP,
    "cortex-m0": (*_CMSIS, _DIGITS, _DIGITS_2, *_GROUPED, _TABLE, *_DEPTHWISE),
    "rv32i": (
        Row(
            "conv, software multiplication", "conv", "conv", "double", True, ("3x3", "1x1", "dense")
        ),
        _DIGITS,
        _DIGITS_2,
        *_GROUPED,
        Row("shift_conv, 4-bit codes", "shift_conv", "shift", "power of two"),
        _TABLE,
        *_DEPTHWISE,
    ),
    "rv32im": (
        Row("conv_blocked", "conv_blocked", "conv", "double", reference=True),
        _GROUPED[0],
        _TABLE,
        *_DEPTHWISE,
    ),
}
GOALS = (
    Goal("cortex-m4", "adder_conv_dsp", "3x3", 750_000),
    Goal("cortex-m4", "adder_conv_dsp", "1x1", 260_000),
    Goal("rv32i", "shift_conv_grouped_8", "3x3", 2_900_000),
    Goal("rv32i", "shift_conv_grouped_8", "1x1", 1_150_000),
    Goal("cortex-m0", "shift_conv_grouped_8", "3x3", 4_000_000),
)
