"""Lists the operators of a .tflite file and the multiplications that they do."""

import os
from collections.abc import Sequence
from pathlib import Path

from keras_shiftadd.export._audit import operator_costs as costs
from keras_shiftadd.export._audit.audit_report import AuditedOperator, AuditReport
from keras_shiftadd.export._audit.custom_operators import custom_costs
from keras_shiftadd.export._audit.hidden_products import is_summed_over_channels
from keras_shiftadd.export._imports import litert_schema
from keras_shiftadd.export._tflite.file_graph import FileOperator, read_operators
from keras_shiftadd.export._tflite.model_file import parse_model, read_model_file


def audit(path: str | os.PathLike[str]) -> AuditReport:
    """Lists the operators of a .tflite file and the multiplications that they do.

    The file is read as it ships, whoever wrote it; nothing that an exporter claims is believed.

    Args:
        path: A .tflite file.

    Returns:
        An `AuditReport`: print it for a table, or call its `assert_multiplication_free()`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not a .tflite file, or is damaged.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> report = keras_shiftadd.export.audit("model.tflite")
    >>> report.multiplications
    110592
    >>> report.assert_multiplication_free()
    MultiplicationFound: The file must be free of multiplications. Received: ...
    """
    content = read_model_file(path)
    schema = litert_schema()
    model = parse_model(content, str(path))
    audited: list[AuditedOperator] = []
    for number, graph in enumerate(model.subgraphs):
        operators = read_operators(model, graph, schema)
        try:
            audited += [_audit_operator(item, number, operators) for item in operators]
        except (AttributeError, IndexError, TypeError) as error:
            raise ValueError(
                "The .tflite file at `path` is damaged: an operator lacks a part that it must "
                f"have ({error}). Received: path={str(path)!r}."
            ) from error
    return AuditReport(Path(path), len(content), tuple(audited))


def _audit_operator(
    operator: FileOperator, subgraph: int, operators: Sequence[FileOperator]
) -> AuditedOperator:
    custom = custom_costs(operator)
    if custom is not None:
        return AuditedOperator(
            name=operator.name,
            subgraph=subgraph,
            output_shape=operator.outputs[0].shape if operator.outputs else (),
            kind=custom.kind,
            multiplications=custom.multiplications,
            scalings=0,
            rescalings=custom.rescalings,
            remark=custom.remark,
            shifts=custom.shifts,
        )
    kind = costs.kind_of(operator)
    remark = ""
    if kind == costs.SCALES and is_summed_over_channels(operator, operators):
        kind, remark = costs.MULTIPLIES, "summed afterwards: a dot product"
    shifts = costs.powers_of_two(operator)
    if shifts:
        remark = "kernel of powers of two"
    if operator.name.startswith("CUSTOM:"):
        flex = operator.name.startswith("CUSTOM:Flex")
        remark = "a Flex operator" if flex else "a custom operator that is not known"
    products: int | None = 0
    if kind == costs.MULTIPLIES:
        products = costs.multiplications(operator)
    elif kind == costs.UNKNOWN:
        products = None
    return AuditedOperator(
        name=operator.name,
        subgraph=subgraph,
        output_shape=operator.outputs[0].shape if operator.outputs else (),
        kind=kind,
        multiplications=products,
        scalings=operator.output_size if kind == costs.SCALES else 0,
        rescalings=costs.rescalings(operator),
        remark=remark,
        powers_of_two=shifts,
    )
