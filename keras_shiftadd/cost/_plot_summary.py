"""plot_summary."""

from typing import TYPE_CHECKING

from keras_shiftadd import _drawing as drawing
from keras_shiftadd.cost._model_summary import ModelSummary, SummaryRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What adds up over layers, and how it is written.
_MEASURES = {
    "energy_nj": "energy of the arithmetic (nJ)",
    "memory_nj": "energy of the memory traffic (nJ)",
    "instructions": "executed instructions",
    "flash": "flash (bytes)",
    "parameters": "parameters",
    "multiply": "multiplications",
    "add": "additions",
    "shift": "shifts",
}
# Layers without a kernel have a bar of their own from this share of the total on.
_SHARE = 0.02


def plot_summary(
    summary: ModelSummary, measure: str | None = None, ax: "Axes | None" = None
) -> "Figure":
    """Plots what each layer costs: a bar a layer, the operator its colour.

    Layers without a kernel that hardly count are one bar together. The title has the totals of the
    network and of its twin with ordinary convolutions. Needs matplotlib.

    Args:
        summary: What `keras_shiftadd.summary` returned.
        measure: What is drawn: `"energy_nj"` (arithmetic), `"memory_nj"`, `"instructions"`,
            `"flash"`, `"parameters"`, `"multiply"`, `"add"` or `"shift"`. `None` draws the energy
            of the arithmetic, or the instructions of a target that counts these.
        ax: Matplotlib axes to draw on; `None` makes a new figure.

    Returns:
        The matplotlib figure.

    Raises:
        ImportError: If matplotlib is missing.
        TypeError: If `summary` is no `ModelSummary`.
        ValueError: If there is no such measure, or the target of the summary does not have it.

    Example:

    >>> data = keras_shiftadd.summary(model, verbose=False)
    >>> keras_shiftadd.cost.plot_summary(data).savefig("energy.png")
    """
    if not isinstance(summary, ModelSummary):
        raise TypeError(
            "`summary` must be what `keras_shiftadd.summary(model)` returned. "
            f"Received: an object of {type(summary).__name__}."
        )
    measure = _check_measure(summary, measure)
    total = getattr(summary.totals, measure)
    bars: list[tuple[str, float, str | None]] = []
    rest: list[SummaryRow] = []
    for row in summary.rows:
        value = getattr(row, measure)
        if row.operator is not None or (total and value >= _SHARE * total):
            bars.append((row.name, value, row.operator))
        else:
            rest.append(row)
    if rest:
        name = f"{len(rest)} other layers" if len(rest) > 1 else rest[0].name
        bars.append((name, sum(getattr(row, measure) for row in rest), None))
    ax = drawing.axes(ax, figsize=(7.5, 1.4 + 0.28 * len(bars)))
    for position, (_, value, operator) in enumerate(bars):
        color = drawing.OPERATOR_COLORS.get(operator or "", drawing.NEUTRAL)
        ax.barh(position, value, color=color, label=operator or "no kernel")
    ax.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    ax.invert_yaxis()
    drawing.tidy(ax, _MEASURES[measure], "", grid="x")
    ax.tick_params(axis="y", length=0)
    drawing.legend_above(ax)
    twin = getattr(summary.twin, measure)
    ax.set_title(
        f"{summary.target}: {total:,.4g}; with ordinary convolutions {twin:,.4g}",
        fontsize="medium",
        pad=26,
        loc="left",
    )
    return drawing.figure_of(ax)


def _check_measure(summary: ModelSummary, measure: str | None) -> str:
    if measure is None:
        return "energy_nj" if summary.totals.energy_nj is not None else "instructions"
    if measure not in _MEASURES:
        raise ValueError(f"`measure` must be one of {tuple(_MEASURES)}. Received: {measure!r}.")
    if getattr(summary.totals, measure) is None:
        raise ValueError(
            "`measure` must be one that the target of the summary has; "
            "`ksa.summary(model, target=...)` chooses the target. "
            f"Received: measure={measure!r}, target={summary.target!r}."
        )
    return measure
