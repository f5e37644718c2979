"""The printed form of a summary, at most 100 columns wide."""

import textwrap
from typing import NamedTuple

from keras_shiftadd.cost._energy import ENERGY_COLUMNS
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals

_WIDTH = 100
# Widest first columns; the figures beside them take at most 57 characters.
_NAME_WIDTH, _KIND_WIDTH = 22, 20


class _EnergyUnit(NamedTuple):
    name: str
    nj: float


def format_summary(summary: ModelSummary) -> str:
    """The table of a summary, as text."""
    energy = max(summary.totals.energy_nj, summary.twin.energy_nj)
    unit = _EnergyUnit("uJ", 1000.0) if energy >= 10_000 else _EnergyUnit("nJ", 1.0)
    header = ["Layer", "Operator", "Output", "Params", "Bits", "KiB"]
    header += ["Mult", "Add", "Shift", unit.name]
    body = [_layer_cells(row, unit) for row in summary.rows]
    feet = [
        ["Total", *_figures(summary.totals, unit)],
        ["With ordinary convolutions", *_figures(summary.twin, unit)],
        ["Ratio of the two", *_ratios(summary)],
    ]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    for foot in feet:
        for i, cell in zip((3, 5, 6, 7, 8, 9), foot[1:], strict=True):
            widths[i] = max(widths[i], len(cell))
    room = _WIDTH - sum(widths[2:]) - len(widths) + 1
    widths[1] = min(widths[1], _KIND_WIDTH)
    widths[0] = min(max(widths[0], _NAME_WIDTH), room - widths[1])
    rule = "-" * (sum(widths) + len(widths) - 1)
    lines = [f"Model {summary.model_name!r}", _line(header, widths), rule]
    lines += [_line(cells, widths) for cells in body]
    lines.append(rule)
    for label, parameters, *others in feet:
        span = sum(widths[:3]) + 2
        cells = [label, parameters, "", *others]
        lines.append(_line(cells, [span, *widths[3:]], texts=1))
    return "\n".join([*lines, *_notes(summary, unit)])


def _layer_cells(row: SummaryRow, unit: _EnergyUnit) -> list[str]:
    parameters, size, *operations = _figures(row, unit)
    if not row.counted:
        operations = ["?"] * len(operations)
    return [
        row.name if row.calls == 1 else f"{row.name} (x{row.calls})",
        row.operator or row.class_name,
        "x".join(map(str, row.output_shape)),
        parameters,
        "/".join(map(str, row.weight_bits)),
        size,
        *operations,
    ]


def _figures(totals: SummaryTotals, unit: _EnergyUnit) -> list[str]:
    return [
        _short(totals.parameters),
        _three_digits(totals.size_bytes / 1024),
        _short(totals.multiply),
        _short(totals.add),
        _short(totals.shift),
        _three_digits(totals.energy_nj / unit.nj),
    ]


def _ratios(summary: ModelSummary) -> list[str]:
    names = ("parameters", "size_bytes", "multiply", "add", "shift", "energy_nj")
    ratios = [summary.ratio(name) for name in names]
    return ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]


def _notes(summary: ModelSummary, unit: _EnergyUnit) -> list[str]:
    arithmetic, shifts = ENERGY_COLUMNS[summary.bits]
    column = arithmetic if arithmetic == shifts else f"{arithmetic}, shifts {shifts}"
    lines = [
        f"{unit.name}: energy of the arithmetic of one inference, 45 nm, {column}, "
        f"{summary.accounting} accounting;",
        "    memory traffic not included. Add: also subtractions and comparisons.",
    ]
    if summary.accounting == "paper":
        lines.append(
            "    Operations are those that the papers charge: no accumulation, depthwise as dense."
        )
    if summary.not_counted:
        lines.append("Not counted:")
        for entry in summary.not_counted:
            lines += textwrap.wrap(
                str(entry), _WIDTH, initial_indent="  ", subsequent_indent="    "
            )
    return lines


def _line(cells: list[str], widths: list[int], texts: int = 3) -> str:
    parts = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if len(cell) > width:
            # The end of a path tells layers apart better than its start.
            cell = "~" + cell[len(cell) - width + 1 :] if i == 0 else cell[: width - 1] + "~"
        parts.append(cell.ljust(width) if i < texts else cell.rjust(width))
    return " ".join(parts).rstrip()


def _short(number: int) -> str:
    """12345678 as 12.3M."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999950 rounds to 1.00M, not to 1000k.
        if number >= limit * 0.9995:
            return _three_digits(number / limit) + suffix
    return str(number)


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}" if value >= 0.005 else "<0.01"
    return f"{value:.0f}"
