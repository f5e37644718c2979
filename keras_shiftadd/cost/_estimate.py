"""The cost of a model on a target."""

import warnings

import keras

from keras_shiftadd.cost._cost import Cost
from keras_shiftadd.cost._count import Shapes, count_operations
from keras_shiftadd.cost._hardware import Hardware
from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._steps import Accounting, check_accounting
from keras_shiftadd.cost._targets import hardware


def estimate(
    model_or_counts: keras.Model | OperationCounts,
    target: str | Hardware = "asic-45nm",
    bits: int = 8,
    accounting: Accounting = "fair",
    input_shape: Shapes = None,
) -> Cost:
    """Estimates what one inference of a model costs on a piece of hardware.

    What `count_operations` does not count costs nothing here; a warning names layers of which
    nothing is counted.

    Args:
        model_or_counts: a built Keras model, or what `count_operations` returned for it.
        target: a name in `ksa.cost.HARDWARE`, or a `Hardware`.
        bits: word length of weights and activations: 8, 16 or 32, as far as the target has it.
            Kernels of shift layers have their own `weight_bits`.
        accounting: `"fair"`, or `"paper"` for energies as the papers on these networks charge
            them; see `energy_pj`.
        input_shape: shape of the input without the batch dimension, where the model leaves sizes
            open; a list of shapes for several inputs.

    Returns:
        A `Cost`.

    Raises:
        TypeError: `model_or_counts` or `target` is something else.
        ValueError: unknown target or accounting, `bits` that the target does not have,
            `accounting="paper"` on a target without energies, or a model that cannot be counted.

    Example:

    >>> ksa.cost.estimate(model, target="cortex-m4").instructions
    >>> ksa.cost.estimate(model, target="asic-45nm", bits=8).energy_uj
    """
    where = hardware(target)
    check_target(where, bits, accounting)
    if isinstance(model_or_counts, OperationCounts):
        if input_shape is not None:
            raise ValueError(
                "`input_shape` belongs to a model; operations that are counted have their "
                f"shapes. Received: input_shape={input_shape!r} with OperationCounts"
            )
        counts = model_or_counts
    else:
        counts = count_operations(model_or_counts, input_shape)
    unknown = [f"{row.name} ({row.class_name})" for row in counts.rows if not row.counted]
    if unknown:
        warnings.warn(
            "The estimate leaves out what these layers compute, because no rule counts them: "
            f"{', '.join(unknown)}",
            stacklevel=2,
        )
    energy = instructions = None
    if where.has_energy:
        parts = [row_energy_nj(row, where, bits, accounting) for row in counts.rows]
        energy = sum((arithmetic or 0) + (memory or 0) for arithmetic, memory in parts) / 1000
    if where.instructions is not None:
        instructions = float(sum(where.instructions.count(row) for row in counts.rows))
    return Cost(
        energy_uj=energy,
        instructions=instructions,
        flash=sum(row_flash(row, where, bits) for row in counts.rows),
        ram=ram(counts.live, bits),
    )


def check_target(target: Hardware, bits: int, accounting: Accounting) -> None:
    """Raises a ValueError unless a target has figures for a word length and an accounting."""
    check_accounting(accounting)
    if bits not in target.word_bits:
        raise ValueError(
            f"`bits` must be {_one_of(target.word_bits)} for target {target.name!r}. "
            f"Received: bits={bits!r}"
        )
    if accounting == "paper" and not target.has_energy:
        raise ValueError(
            "accounting='paper' is a way to charge energy, which target "
            f"{target.name!r} does not have. Use accounting='fair' with it."
        )


def row_energy_nj(
    row: LayerOperations, target: Hardware, bits: int, accounting: Accounting
) -> tuple[float | None, float | None]:
    """Energy in nJ of the arithmetic and of the memory traffic of a layer, as far as known."""
    if not target.has_energy:
        return None, None
    price = target.energy_pj[bits]
    charged = row.charged_operations(accounting)
    arithmetic = (
        charged.multiply * price["multiply"]
        + charged.add * price["add"]
        + charged.shift * price["shift"]
    )
    if target.memory is None:
        return arithmetic / 1000, None
    return arithmetic / 1000, target.memory.pj(row, bits, accounting) / 1000


def row_flash(row: LayerOperations, target: Hardware, bits: int) -> int:
    """Bytes of the weights of a layer, which start on a byte of their own."""
    stored = row.other_parameters * bits
    for part in row.steps:
        own = part.weight_bits
        if own is not None and target.shift_weight_bits is not None:
            own = target.shift_weight_bits
        stored += part.weights * (own or bits)
    return -(-stored // 8)


def ram(activations: int, bits: int) -> int:
    """Bytes of so many activations."""
    return -(-activations * bits // 8)


def _one_of(values: tuple[int, ...]) -> str:
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last
