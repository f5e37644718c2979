"""Finds scalings that are one half of a dot product."""

from collections.abc import Sequence

from keras_shiftadd.export._tflite.file_graph import FileOperator

# What passes numbers on, at most with a constant added.
_PASSING = (
    "CONCATENATION",
    "DEQUANTIZE",
    "EXPAND_DIMS",
    "PAD",
    "PADV2",
    "QUANTIZE",
    "RESHAPE",
    "SLICE",
    "SPLIT",
    "SPLIT_V",
    "SQUEEZE",
    "STRIDED_SLICE",
    "TRANSPOSE",
)
_SUMMING = ("SUM", "MEAN", "CUMSUM")


def is_summed_over_channels(scaling: FileOperator, operators: Sequence[FileOperator]) -> bool:
    """Whether the channels that `scaling` multiplies by constants are added up afterwards.

    Numbers times weights, then summed, are a dot product, whatever the operators are called.

    Args:
        scaling: An operator that multiplies each channel by a constant.
        operators: All operators of the subgraph.
    """
    users: dict[int, list[FileOperator]] = {}
    for operator in operators:
        for index in operator.input_indices:
            users.setdefault(index, []).append(operator)
    waiting = [(index, False) for index in scaling.output_indices]
    seen = set(waiting)
    while waiting:
        index, moved = waiting.pop()
        for user in users.get(index, []):
            if user.name in _SUMMING and (moved or _over_last_axis(user)):
                return True
            if user.name == "AVERAGE_POOL_2D" and moved:
                return True
            if user.name in _PASSING or _adds_constant(user):
                away = moved or _moves_channels(user)
                new = {(output, away) for output in user.output_indices} - seen
                seen |= new
                waiting.extend(new)
    return False


def _over_last_axis(operator: FileOperator) -> bool:
    rank = len(operator.given(0).shape)
    axes = operator.given(1).data
    return axes is None or any(int(axis) % rank == rank - 1 for axis in axes)


def _adds_constant(operator: FileOperator) -> bool:
    return operator.name in ("ADD", "SUB") and any(
        tensor is not None and tensor.data is not None for tensor in operator.inputs
    )


def _moves_channels(operator: FileOperator) -> bool:
    """Whether the channels may no longer be on the last axis."""
    if operator.name in ("TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        source, result = operator.given(0).shape, operator.outputs[0].shape
        return operator.name == "TRANSPOSE" or source[-1:] != result[-1:]
    return False
