"""The data of a printed summary."""

from dataclasses import asdict, dataclass
from typing import Any

from keras_shiftadd.cost._not_counted import NotCounted
from keras_shiftadd.cost._steps import Accounting


@dataclass(frozen=True)
class SummaryTotals:
    """Sums over all rows of a summary.

    Args:
        parameters: number of parameters at inference.
        size_bytes: bytes of all parameters.
        multiply: multiplications.
        add: additions, subtractions and comparisons.
        shift: bit shifts.
        energy_nj: energy of the arithmetic in nJ, or None where the target has no energy model.
        memory_nj: energy of the memory traffic in nJ, or None where the target does not say.
        instructions: executed instructions, or None where the target does not count them.
        flash: bytes of the weights as the target stores them.
        ram: bytes of activations: of a model, the most at a time; of a layer, those in memory
            while it runs.
    """

    parameters: int
    size_bytes: float
    multiply: int
    add: int
    shift: int
    energy_nj: float | None
    memory_nj: float | None
    instructions: float | None
    flash: int
    ram: int


@dataclass(frozen=True)
class SummaryRow(SummaryTotals):
    """One layer of a summary: the figures of `SummaryTotals`, and which layer it is.

    Args:
        name: name of the layer; inside a nested model, the path to it.
        class_name: its class.
        operator: `"conv"`, `"shift"`, `"adder"`, `"shift+adder"`, or None without a kernel.
        output_shape: shape of its output without the batch dimension.
        weight_bits: bits of its weights, each width once; empty without parameters.
        calls: how often the model calls it.
        counted: False where its operations are unknown (they then read 0).
    """

    name: str
    class_name: str
    operator: str | None
    output_shape: tuple[int, ...]
    weight_bits: tuple[int, ...]
    calls: int
    counted: bool


@dataclass(frozen=True)
class ModelSummary:
    """What `ksa.summary` prints, as data; `str()` of it is the table.

    Args:
        model_name: name of the model.
        bits: word length of the network.
        accounting: `"fair"` or `"paper"`.
        target: name of the hardware.
        rows: one `SummaryRow` a layer.
        totals: sums over the rows, and the most RAM at a time.
        twin: totals of the same architecture with ordinary convolutions and dense layers.
        not_counted: layers and parts of layers whose operations are in no figure.
    """

    model_name: str
    bits: int
    accounting: Accounting
    target: str
    rows: tuple[SummaryRow, ...]
    totals: SummaryTotals
    twin: SummaryTotals
    not_counted: tuple[NotCounted, ...]

    def ratio(self, figure: str) -> float | None:
        """A total of this model divided by that of its multiplicative twin.

        Args:
            figure: `"energy_nj"`, `"memory_nj"`, `"instructions"`, `"flash"`, `"ram"`,
                `"size_bytes"`, `"parameters"`, `"multiply"`, `"add"` or `"shift"`.

        Returns:
            The ratio, or None where the twin's total is zero or the target has no such figure.

        Raises:
            ValueError: there is no such figure.
        """
        known = tuple(asdict(self.totals))
        if figure not in known:
            raise ValueError(f"`figure` must be one of {known}. Received: {figure!r}")
        ours, theirs = getattr(self.totals, figure), getattr(self.twin, figure)
        return ours / theirs if theirs else None

    def to_dict(self) -> dict[str, Any]:
        """All data as dictionaries, lists, strings and numbers, ready for `json.dumps`."""
        data = asdict(self)
        for row in data["rows"]:
            row["output_shape"] = list(row["output_shape"])
            row["weight_bits"] = list(row["weight_bits"])
        data["rows"] = list(data["rows"])
        data["not_counted"] = list(data["not_counted"])
        data["ratios"] = {figure: self.ratio(figure) for figure in asdict(self.totals)}
        return data

    def __str__(self) -> str:
        from keras_shiftadd.cost._table import format_summary

        return format_summary(self)
