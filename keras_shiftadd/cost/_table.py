"""The printed form of a summary, at most 100 columns wide."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from keras_shiftadd.cost._energy import ENERGY_COLUMNS
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow, SummaryTotals
from keras_shiftadd.cost._targets import HARDWARE

_WIDTH = 100
# Narrowest and widest second columns; the first takes what the others leave.
_KIND_WIDTHS = 13, 20


@dataclass(frozen=True)
class _Column:
    """A column of figures: what it is called, which figure it shows and how."""

    title: str
    figure: str
    text: Callable[[float], str]
    # Whether the operations of a layer must be known for it.
    counted: bool = True

    def cell(self, totals: SummaryTotals) -> str:
        return self.text(getattr(totals, self.figure))


def format_summary(summary: ModelSummary) -> str:
    """The table of a summary, as text."""
    parameters = _Column("Params", "parameters", _short, counted=False)
    figures = [_Column("KiB", "size_bytes", _in(1024), counted=False), *_columns(summary)]
    titles = ["Layer", "Operator", "Output", "Params", "Bits", *(c.title for c in figures)]
    body = [_layer_cells(row, parameters, figures) for row in summary.rows]
    feet = [
        [label, parameters.cell(totals), *(column.cell(totals) for column in figures)]
        for label, totals in (
            ("Total", summary.totals),
            ("With ordinary convolutions", summary.twin),
        )
    ]
    feet.append(["Ratio of the two", *(_ratio(summary, c) for c in [parameters, *figures])])
    widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]
    for foot in feet:
        for i, cell in zip((3, *range(5, len(widths))), foot[1:], strict=True):
            widths[i] = max(widths[i], len(cell))
    room = _WIDTH - sum(widths[2:]) - len(widths) + 1
    narrow, wide = _KIND_WIDTHS
    widths[1] = min(widths[1], wide, max(narrow, room - widths[0]))
    widths[0] = min(widths[0], room - widths[1])
    widths[0] += max(0, max(len(foot[0]) for foot in feet) - sum(widths[:3]) - 2)
    rule = "-" * (sum(widths) + len(widths) - 1)
    lines = [f"Model {summary.model_name!r}", _line(titles, widths), rule]
    lines += [_line(cells, widths) for cells in body]
    lines.append(rule)
    for label, first, *others in feet:
        span = sum(widths[:3]) + 2
        cells = [label, first, "", *others]
        lines.append(_line(cells, [span, *widths[3:]], texts=1))
    return "\n".join([*lines, *_notes(summary)])


def _columns(summary: ModelSummary) -> list[_Column]:
    """The columns behind the size, as the target has figures."""
    columns = [
        _Column("Mult", "multiply", _short),
        _Column("Add", "add", _short),
        _Column("Shift", "shift", _short),
    ]
    if summary.totals.energy_nj is not None:
        columns.append(_Column(_unit(summary)[0], "energy_nj", _in(_unit(summary)[1])))
    if summary.totals.memory_nj is not None:
        columns.append(_Column("Mem uJ", "memory_nj", _in(1000.0)))
    if summary.totals.instructions is not None:
        columns.append(_Column("Instr", "instructions", _short))
    return [*columns, _Column("RAM", "ram", _in(1024), counted=False)]


def _unit(summary: ModelSummary) -> tuple[str, float]:
    """Unit of the energy of the arithmetic, and its nJ."""
    energy = max(summary.totals.energy_nj or 0, summary.twin.energy_nj or 0)
    return ("uJ", 1000.0) if energy >= 10_000 else ("nJ", 1.0)


def _layer_cells(row: SummaryRow, parameters: _Column, figures: list[_Column]) -> list[str]:
    return [
        row.name if row.calls == 1 else f"{row.name} (x{row.calls})",
        row.operator or row.class_name,
        "x".join(map(str, row.output_shape)),
        parameters.cell(row),
        "/".join(map(str, row.weight_bits)),
        *(c.cell(row) if row.counted or not c.counted else "?" for c in figures),
    ]


def _ratio(summary: ModelSummary, column: _Column) -> str:
    ratio = summary.ratio(column.figure)
    return "-" if ratio is None else f"{ratio:.2f}"


def _notes(summary: ModelSummary) -> list[str]:
    notes = [_target_note(summary)]
    if summary.totals.energy_nj is not None:
        notes.append(_energy_note(summary))
    notes.append("KiB: weights. RAM: KiB of activations in memory while the layer runs.")
    notes.append("Add: also subtractions and comparisons.")
    if summary.accounting == "paper":
        notes.append(
            "Operations are those that the papers charge: no accumulation, depthwise as dense."
        )
    lines = [line for note in notes for line in _wrapped(note, "")]
    if summary.not_counted:
        lines.append("Not counted:")
        for entry in summary.not_counted:
            lines += _wrapped(str(entry), "  ")
    return lines


def _target_note(summary: ModelSummary) -> str:
    totals = summary.totals
    energy, memory = totals.energy_nj, totals.memory_nj
    parts = []
    if energy is not None and memory is not None:
        total = _microjoule(energy + memory)
        parts.append(f"{total} = {_microjoule(energy)} arithmetic + {_microjoule(memory)} memory")
    elif energy is not None:
        parts.append(f"{_microjoule(energy)}, memory traffic not included")
    if totals.instructions is not None:
        parts.append(f"{_short(totals.instructions)} instructions (not cycles)")
    parts.append(f"flash {_in(1024)(totals.flash)} KiB")
    parts.append(f"RAM {_in(1024)(totals.ram)} KiB")
    return f"On {summary.target}, an inference: {'; '.join(parts)}."


def _energy_note(summary: ModelSummary) -> str:
    name = _unit(summary)[0]
    words = f"{summary.bits} bits"
    known = HARDWARE.get(summary.target)
    if known is not None and known.energy_pj is HARDWARE["asic-45nm"].energy_pj:
        arithmetic, shifts = ENERGY_COLUMNS[summary.bits]
        words = arithmetic if arithmetic == shifts else f"{arithmetic}, shifts {shifts}"
    note = f"{name}: energy of the arithmetic, {words}, {summary.accounting} accounting."
    if summary.totals.memory_nj is not None:
        note += " Mem uJ: energy of the memory traffic."
    return note


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
    )


def _line(cells: list[str], widths: list[int], texts: int = 3) -> str:
    parts = []
    for i, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if len(cell) > width:
            # The end of a path tells layers apart better than its start.
            cell = "~" + cell[len(cell) - width + 1 :] if i == 0 else cell[: width - 1] + "~"
        parts.append(cell.ljust(width) if i < texts else cell.rjust(width))
    return " ".join(parts).rstrip()


def _in(unit: float) -> Callable[[float], str]:
    return lambda value: _three_digits(value / unit)


def _microjoule(nj: float) -> str:
    return f"{_three_digits(nj / 1000)} uJ"


def _short(number: float) -> str:
    """12345678 as 12.3M."""
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # 999950 rounds to 1.00M, not to 1000k.
        if number >= limit * 0.9995:
            return _three_digits(number / limit) + suffix
    return str(round(number))


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    for limit, digits in ((9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}" if value >= 0.005 else "<0.01"
    return f"{value:.0f}"
