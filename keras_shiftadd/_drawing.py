"""What all pictures have in common: matplotlib, axes, colours."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart with every kind of colour vision (Okabe and Ito).
OPERATOR_COLORS = {
    "conv": "#0072B2",
    "shift": "#E69F00",
    "adder": "#009E73",
    "shift+adder": "#D55E00",
    "attention": "#CC79A7",
}
SERIES_COLORS = tuple(OPERATOR_COLORS.values())
NEUTRAL = "#808080"


def new_axes(**kwargs: Any) -> Any:
    """The axes of a new figure: what `matplotlib.pyplot.subplots` returns second.

    Raises:
        ImportError: If matplotlib is missing.
    """
    _, axes = _subplots()(layout="constrained", **kwargs)
    return axes


def axes(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """Returns the axes to draw on: the given ones, or those of a new figure.

    Raises:
        ImportError: If matplotlib is missing.
    """
    _subplots()
    return new_axes(figsize=figsize) if ax is None else ax


def _subplots() -> Callable[..., Any]:
    try:
        return importlib.import_module("matplotlib.pyplot").subplots
    except ImportError as error:
        raise ImportError(
            f"Plots need matplotlib, which could not be imported ({error}). "
            'Install it with: pip install "keras-shiftadd[examples]"'
        ) from error


def figure_of(ax: "Axes") -> "Figure":
    """The figure of axes; of those in a subfigure, the whole one."""
    return ax.figure.figure


def tidy(ax: "Axes", xlabel: str, ylabel: str, grid: Literal["both", "x", "y"] = "both") -> None:
    """Labels the axes, and takes away what only fills them."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(axis=grid, alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend_above(ax: "Axes") -> None:
    """Puts the legend above the axes, a name once and operators first.

    What is drawn may stand anywhere inside of them.
    """
    handles, labels = ax.get_legend_handles_labels()
    by_label = dict(zip(labels, handles, strict=True))
    operators = {name: by_label[name] for name in OPERATOR_COLORS if name in by_label}
    entries = {**operators, **by_label}
    if entries:
        ax.legend(
            entries.values(),
            entries.keys(),
            ncols=len(entries),
            columnspacing=1.0,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(0, 1),
        )
