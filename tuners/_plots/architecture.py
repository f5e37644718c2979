"""plot_architecture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras_shiftadd import _drawing as drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keras_shiftadd.tuners.hybrid_space import HybridSpace

# Width of the gap between two stages, where a bar takes 1.
_GAP = 0.6


def plot_architecture(
    space: "HybridSpace", architecture: Mapping[str, Any], ax: "Axes | None" = None
) -> "Figure":
    """Plots an architecture as bars: a block a bar, its channels the height.

    The colour is the operator; `k5` is the kernel size, `e4` the expansion. Below stand the stages
    with the size of their outputs. The stem, a convolution, is grey. Needs matplotlib.

    Args:
        space: `HybridSpace` of the architecture.
        architecture: A dictionary of that space.
        ax: Matplotlib axes to draw on; `None` makes a new figure.

    Returns:
        The matplotlib figure; of given axes, the one that they are on.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If it is no architecture of the space, or the space one of transformers.

    Example:

    >>> space = keras_shiftadd.tuners.HybridSpace((32, 32, 3), num_classes=10)
    >>> architecture = space.sample(random.Random(0))
    >>> figure = keras_shiftadd.tuners.plot_architecture(space, architecture)
    """
    if not hasattr(space, "stem_width"):
        raise ValueError(
            "`space` must be one whose networks have stages: a HybridSpace or an "
            f"AugmentationSpace. Received: {type(space).__name__}"
        )
    space.validate(architecture)  # type: ignore[arg-type]
    stages = architecture["stages"]
    count = 1 + sum(len(stage["blocks"]) for stage in stages)
    ax = drawing.axes(ax, figsize=(2.0 + 0.55 * count, 4.0))
    ax.bar(0, space.stem_width, width=0.85, color=drawing.NEUTRAL)
    ticks, names = [0.0], [f"stem\n{_size(space, 0)}"]
    x = 1 + _GAP
    for number, stage in enumerate(stages):
        for block in stage["blocks"]:
            operator = block["operator"]
            ax.bar(
                x,
                stage["width"],
                width=0.85,
                color=drawing.OPERATOR_COLORS[operator],
                label=operator,
            )
            ax.annotate(
                _caption(block),
                (x, stage["width"]),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                fontsize="small",
            )
            x += 1
        ticks.append(x - (len(stage["blocks"]) + 1) / 2)
        names.append(f"stage {number + 1}\n{_size(space, number + 1)}")
        x += _GAP
    drawing.tidy(ax, "", "width (channels)", grid="y")
    ax.set_xticks(ticks, names)
    ax.tick_params(axis="x", length=0)
    ax.margins(y=0.15)
    drawing.legend_above(ax)
    return drawing.figure_of(ax)


def _caption(block: Mapping[str, Any]) -> str:
    letters = {"kernel_size": "k", "expansion": "e"}
    return "\n".join(f"{letter}{block[name]}" for name, letter in letters.items() if name in block)


def _size(space: "HybridSpace", place: int) -> str:
    """The size of the outputs behind the stem (0) or a stage."""
    rows, columns = space.resolutions[place]
    return f"{rows} steps" if space.rank == 1 else f"{rows}×{columns}"
