"""What an audit found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_shiftadd.export._audit.operator_costs import MULTIPLIES, SCALES, UNKNOWN
from keras_shiftadd.export._errors import MultiplicationFound

_SHOWN = 5


@dataclass(frozen=True)
class AuditedOperator:
    """One operator of a file.

    Args:
        name: Name of the builtin operator; `"CUSTOM:name"` for a custom one.
        subgraph: Number of the subgraph.
        output_shape: Shape of its first output.
        kind: `"free"` of multiplications, `"scales"` (by a constant for each channel, or a
            function of one number such as SOFTMAX), `"multiplies"` (data by weights or data by
            data), or `"unknown"`.
        multiplications: Products of data with weights or with data; None where the kind is
            unknown, or where they are not counted.
        scalings: Products of data with a constant for each channel.
        rescalings: Multiplications that bring int8 results to the scale of the output.
        remark: What else is worth knowing.
        powers_of_two: Whether its stored kernel has only zeros and powers of two.
        shifts: Shifts of data in the place of products.
    """

    name: str
    subgraph: int
    output_shape: tuple[int, ...]
    kind: str
    multiplications: int | None
    scalings: int
    rescalings: int
    remark: str = ""
    powers_of_two: bool = False
    shifts: int = 0


@dataclass(frozen=True)
class AuditReport:
    """The operators of a .tflite file and the multiplications that they do in one inference.

    Counts are those of one sample. The body of a loop is counted once.

    Args:
        path: The file.
        size_bytes: Its size.
        operators: All operators of all subgraphs, in order of execution.
    """

    path: Path
    size_bytes: int
    operators: tuple[AuditedOperator, ...]

    @property
    def multiplications(self) -> int:
        """Products of data with weights or with data, as far as they can be counted."""
        return sum(item.multiplications or 0 for item in self.operators)

    @property
    def scalings(self) -> int:
        """Products of data with a constant for each channel."""
        return sum(item.scalings for item in self.operators)

    @property
    def rescalings(self) -> int:
        """Multiplications that bring int8 results to the scale of the output."""
        return sum(item.rescalings for item in self.operators)

    @property
    def shifts(self) -> int:
        """Shifts of data in the place of products."""
        return sum(item.shifts for item in self.operators)

    @property
    def counts(self) -> dict[str, int]:
        """How many operators of each name there are."""
        counts: dict[str, int] = {}
        for item in self.operators:
            counts[item.name] = counts.get(item.name, 0) + 1
        return counts

    def assert_multiplication_free(
        self, allow_scaling: bool = True, allow_powers_of_two: bool = False
    ) -> None:
        """Raises if the file multiplies data by weights or by data, or cannot be judged.

        Args:
            allow_scaling: Whether multiplications by a constant for each channel (a
                BatchNormalization behind an adder layer), functions of one number (SOFTMAX), and
                the rescaling of int8 results may occur. With False, nothing may be multiplied.
            allow_powers_of_two: Whether a convolution or dense operator may occur whose stored
                kernel has only zeros and powers of two. Shifts would do for it, but the stock
                runtimes multiply.

        Raises:
            MultiplicationFound: If there is an operator that is not allowed, a Flex operator, or
                one that is not known.
        """
        found = [
            (item, _objection(item, allow_scaling, allow_powers_of_two)) for item in self.operators
        ]
        lines = [f"{item.name} {list(item.output_shape)}: {why}" for item, why in found if why]
        if not lines:
            return
        shown = "\n  ".join(lines[:_SHOWN])
        more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        raise MultiplicationFound(
            "The file must be free of multiplications. "
            f"Received: {self.path} with {len(lines)} of {len(self.operators)} operators that "
            f"are not:\n  {shown}{more}"
        )

    def __str__(self) -> str:
        rows = [("operator", "count", "output", "products", "scalings", "rescalings", "")]
        groups: dict[tuple[str, tuple[int, ...], str, str], list[AuditedOperator]] = {}
        for item in self.operators:
            groups.setdefault((item.name, item.output_shape, item.kind, item.remark), []).append(
                item
            )
        for (name, shape, kind, remark), items in groups.items():
            products = [item.multiplications for item in items]
            rows.append(
                (
                    name,
                    str(len(items)),
                    "x".join(map(str, shape)),
                    "?" if None in products else _number(sum(item or 0 for item in products)),
                    _number(sum(item.scalings for item in items)),
                    _number(sum(item.rescalings for item in items)),
                    "unknown" if kind == UNKNOWN else remark,
                )
            )
        totals = _number(self.multiplications), _number(self.scalings), _number(self.rescalings)
        rows.append(("total", str(len(self.operators)), "", *totals, ""))
        title = f"{self.path}, {self.size_bytes:,} bytes, operators of one inference"
        return "\n".join([title, *_table(rows)])


def _objection(item: AuditedOperator, allow_scaling: bool, allow_powers_of_two: bool) -> str | None:
    if item.kind == UNKNOWN:
        return item.remark or "what it does is not known"
    if item.kind == MULTIPLIES and not (allow_powers_of_two and item.powers_of_two):
        count = "an unknown number of" if item.multiplications is None else item.multiplications
        return f"{count} products of data with weights or with data"
    if allow_scaling:
        return None
    if item.kind == SCALES:
        return f"{item.scalings} scalings"
    return f"{item.rescalings} rescalings" if item.rescalings else None


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, 2, 6) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    rule = "-" * max(map(len, lines))
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]
