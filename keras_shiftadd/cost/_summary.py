"""`ksa.summary`: the table of what each layer does and costs."""

from collections.abc import Callable
from dataclasses import asdict

import keras

from keras_shiftadd.cost._count import Shapes, count_operations
from keras_shiftadd.cost._energy import check_bits, energy_pj
from keras_shiftadd.cost._layer_operations import LayerOperations
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._steps import Accounting, check_accounting


def summary(
    model: keras.Model,
    bits: int = 8,
    accounting: Accounting = "fair",
    input_shape: Shapes = None,
    print_fn: Callable[[str], object] | None = None,
    verbose: bool = True,
) -> ModelSummary:
    """Prints what each layer of a model does and costs at inference, and returns the data.

    A row a layer: operator, output shape, parameters, bits of a weight, KiB of all weights,
    multiplications, additions, shifts, energy. Below: the totals, those of the same architecture
    with ordinary convolutions and dense layers, and the ratio. Layers that are not counted are
    named below the table. See `count_operations` and `energy_pj` for the conventions.

    Args:
        model: a built Keras model.
        bits: word length of the network: 8, 16 or 32. Kernels of shift layers have their own
            `weight_bits`.
        accounting: `"fair"` (all operations that are done) or `"paper"` (as the papers charge).
        input_shape: shape of the input without the batch dimension, where the model leaves sizes
            open; a list of shapes for several inputs.
        print_fn: called once with the whole table as text; `None` prints to the terminal.
        verbose: False prints nothing.

    Returns:
        A `ModelSummary` with the exact figures.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: unknown `bits` or `accounting`, or the model is not built, has an unknown
            input shape or cannot be run on symbolic inputs.

    Example:

    ```python
    data = ksa.summary(model, bits=8)
    data.ratio("energy_nj")     # energy beside the multiplicative twin
    json.dumps(data.to_dict())
    ```
    """
    check_bits(bits)
    check_accounting(accounting)
    counts = count_operations(model, input_shape)
    result = ModelSummary(
        model_name=counts.model_name,
        bits=bits,
        accounting=accounting,
        rows=tuple(_row(row, bits, accounting) for row in counts.rows),
        totals=_totals(counts, bits, accounting),
        twin=_totals(counts.multiplicative_twin(), bits, accounting),
        not_counted=counts.not_counted,
    )
    if verbose:
        (print if print_fn is None else print_fn)(str(result))
    return result


def _totals(
    counted: LayerOperations | OperationCounts, bits: int, accounting: Accounting
) -> SummaryTotals:
    operations = counted.charged_operations(accounting)
    return SummaryTotals(
        parameters=counted.parameters,
        size_bytes=counted.size_bits(bits) / 8,
        multiply=operations.multiply,
        add=operations.add,
        shift=operations.shift,
        energy_nj=energy_pj(counted, bits, accounting) / 1000,
    )


def _row(row: LayerOperations, bits: int, accounting: Accounting) -> SummaryRow:
    return SummaryRow(
        **asdict(_totals(row, bits, accounting)),
        name=row.name,
        class_name=row.class_name,
        operator=row.operator,
        output_shape=row.output_shape,
        weight_bits=row.weight_bits(bits),
        calls=row.calls,
        counted=row.counted,
    )
