"""`ksa.summary`: the table of what each layer does and costs."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import keras

from keras_shiftadd.cost._count import Shapes, count_operations
from keras_shiftadd.cost._energy import check_bits
from keras_shiftadd.cost._estimate import check_target, ram, row_energy_nj, row_flash
from keras_shiftadd.cost._hardware import Hardware
from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._steps import Accounting
from keras_shiftadd.cost._targets import hardware


def summary(
    model: keras.Model,
    bits: int = 8,
    accounting: Accounting = "fair",
    input_shape: Shapes = None,
    print_fn: Callable[[str], object] | None = None,
    verbose: bool = True,
    target: str | Hardware = "asic-45nm",
) -> ModelSummary:
    """Prints what each layer of a model does and costs at inference, and returns the data.

    A row a layer: operator, output shape, parameters, bits of a weight, KiB of all weights,
    multiplications, additions, shifts, energy of the arithmetic and of the memory traffic (or
    executed instructions), KiB of activations in memory. Below: the totals, those of the same
    architecture with ordinary convolutions and dense layers, and the ratio. Layers that are not
    counted are named below the table. See `count_operations` and `estimate` for the conventions.

    Args:
        model: a built Keras model.
        bits: word length of the network: 8, 16 or 32. Kernels of shift layers have their own
            `weight_bits`.
        accounting: `"fair"` (all operations that are done) or `"paper"` (as the papers charge).
        input_shape: shape of the input without the batch dimension, where the model leaves sizes
            open; a list of shapes for several inputs.
        print_fn: called once with the whole table as text; `None` prints to the terminal.
        verbose: False prints nothing.
        target: hardware that the energies, or the instructions, are those of: a name in
            `ksa.cost.HARDWARE`, or a `Hardware`.

    Returns:
        A `ModelSummary` with the exact figures.

    Raises:
        TypeError: `model` is not a Keras model, or `target` neither a name nor a `Hardware`.
        ValueError: unknown `bits`, `accounting` or `target`, or a target that does not have
            them; or the model is not built, has an unknown input shape or cannot be run on
            symbolic inputs.

    Example:

    ```python
    data = ksa.summary(model, bits=8)
    data.ratio("energy_nj")     # energy of the arithmetic beside the multiplicative twin
    json.dumps(data.to_dict())
    ```
    """
    check_bits(bits)
    where = hardware(target)
    check_target(where, bits, accounting)
    counts = count_operations(model, input_shape)
    result = ModelSummary(
        model_name=counts.model_name,
        bits=bits,
        accounting=accounting,
        target=where.name,
        rows=tuple(_row(row, where, bits, accounting) for row in counts.rows),
        totals=_totals(counts, where, bits, accounting),
        twin=_totals(counts.multiplicative_twin(), where, bits, accounting),
        not_counted=counts.not_counted,
    )
    if verbose:
        (print if print_fn is None else print_fn)(str(result))
    return result


def _totals(counts: OperationCounts, target: Hardware, bits: int, accounting: Accounting) -> Any:
    rows = [_figures(row, target, bits, accounting) for row in counts.rows]
    totals = {
        field.name: _sum([getattr(row, field.name) for row in rows])
        for field in fields(SummaryTotals)
    }
    return SummaryTotals(**{**totals, "ram": ram(counts.live, bits)})


def _sum(values: list[Any]) -> Any:
    return None if None in values else sum(values)


def _figures(
    row: LayerOperations, target: Hardware, bits: int, accounting: Accounting
) -> SummaryTotals:
    operations = row.charged_operations(accounting)
    arithmetic, memory = row_energy_nj(row, target, bits, accounting)
    return SummaryTotals(
        parameters=row.parameters,
        size_bytes=row.size_bits(bits) / 8,
        multiply=operations.multiply,
        add=operations.add,
        shift=operations.shift,
        energy_nj=arithmetic,
        memory_nj=memory,
        instructions=target.instructions.count(row) if target.instructions else None,
        flash=row_flash(row, target, bits),
        ram=ram(row.live, bits),
    )


def _row(row: LayerOperations, target: Hardware, bits: int, accounting: Accounting) -> SummaryRow:
    return SummaryRow(
        **asdict(_figures(row, target, bits, accounting)),
        name=row.name,
        class_name=row.class_name,
        operator=row.operator,
        output_shape=row.output_shape,
        weight_bits=row.weight_bits(bits),
        calls=row.calls,
        counted=row.counted,
    )
