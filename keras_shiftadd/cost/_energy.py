"""Energy of arithmetic in 45 nm CMOS."""

from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._steps import Accounting, check_accounting

# pJ an operation, 45 nm CMOS, 0.9 V. Multiply and add: M. Horowitz, "Computing's energy problem
# (and what we can do about it)", ISSCC 2014. Shift: as published with ShiftAddNet (You et al.,
# NeurIPS 2020) and used by the papers after it.
ENERGY_45NM_PJ: dict[str, dict[str, float]] = {
    "FP32": {"multiply": 3.7, "add": 0.9},
    "FP16": {"multiply": 1.1, "add": 0.4},
    "INT32": {"multiply": 3.1, "add": 0.1, "shift": 0.13},
    "INT16": {"shift": 0.057},
    "INT8": {"multiply": 0.2, "add": 0.03, "shift": 0.024},
}

# Word length of the network: the column of the table for multiply and add, and that for shift.
# There is no shift of a floating-point number; the integer of the same length stands in.
ENERGY_COLUMNS: dict[int, tuple[str, str]] = {
    8: ("INT8", "INT8"),
    16: ("FP16", "INT16"),
    32: ("FP32", "INT32"),
}


def check_bits(bits: int) -> None:
    """Raises a ValueError unless `bits` is a word length of the table."""
    if bits not in ENERGY_COLUMNS:
        raise ValueError(f"`bits` must be 8, 16 or 32. Received: bits={bits!r}")


def energy_pj(
    operations: Operations | LayerOperations | OperationCounts,
    bits: int = 8,
    accounting: Accounting = "fair",
) -> float:
    """Energy of the arithmetic in 45 nm CMOS, in pJ.

    Memory traffic is not included.

    Args:
        operations: a row or a whole count from `count_operations`, or plain `Operations`.
        bits: word length: 8 (INT8), 16 (FP16, shifts INT16) or 32 (FP32, shifts INT32).
        accounting: which operations are charged. `"fair"`: all that are done. `"paper"`: as the
            papers on these networks charge them: no accumulation in any layer (one multiply a
            convolution step, one add an adder step, one shift a shift step), and grouped and
            depthwise layers priced as dense ones. Everything else is charged alike.

    Returns:
        The energy in pJ.

    Raises:
        ValueError: unknown `bits` or `accounting`, or `accounting="paper"` for plain
            `Operations`, which no longer say of which layer they are.
        TypeError: `operations` is something else.

    Example:

    >>> energy_pj(Operations(multiply=1, add=1), bits=8)
    0.23
    """
    check_bits(bits)
    check_accounting(accounting)
    if isinstance(operations, LayerOperations | OperationCounts):
        charged = operations.charged_operations(accounting)
    elif not isinstance(operations, Operations):
        raise TypeError(
            "`operations` must be Operations, or what count_operations returns. "
            f"Received: {operations!r} (of type {type(operations).__name__})"
        )
    elif accounting != "fair":
        raise ValueError(
            "accounting='paper' needs a row or the whole of what count_operations returns: plain "
            f"Operations do not say of which layer they are. Received: {operations!r}"
        )
    else:
        charged = operations
    arithmetic, shifts = ENERGY_COLUMNS[bits]
    return (
        charged.multiply * ENERGY_45NM_PJ[arithmetic]["multiply"]
        + charged.add * ENERGY_45NM_PJ[arithmetic]["add"]
        + charged.shift * ENERGY_45NM_PJ[shifts]["shift"]
    )
