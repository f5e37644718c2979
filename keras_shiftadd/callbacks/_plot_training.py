"""plot_training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd import _drawing as drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Curves = Mapping[str, Sequence[float]]


def plot_training(histories: Any, metric: str = "accuracy") -> "Figure":
    """Plots trainings: losses on the left, a metric on the right, over the epochs.

    Training is a line, validation dotted, and the loss of the wide networks of
    `HybridAugmentation` dashed. Needs matplotlib.

    Args:
        histories: What `fit` returned, or its `history`. Several trainings: a dictionary from
            their names to these, or to lists of these, such as a list of folds, which are drawn
            alike.
        metric: String, the metric to draw, as `compile` was told. Trainings without it have losses
            only.

    Returns:
        The matplotlib figure. Its `axes` are those of the losses and of the metric.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If `histories` holds something else than trainings.

    Example:

    >>> plain = model.fit(x, y, epochs=10)
    >>> augmented = other.fit(x, y, epochs=10, callbacks=[augmentation])
    >>> figure = keras_shiftadd.callbacks.plot_training({"plain": plain, "augmented": augmented})
    """
    trainings = _by_name(histories)
    left, right = drawing.new_axes(ncols=2, figsize=(10, 4))
    for number, (name, runs) in enumerate(trainings.items()):
        color = drawing.SERIES_COLORS[number % len(drawing.SERIES_COLORS)]
        for curves in runs:
            for ax, key in ((left, "loss"), (right, metric)):
                _draw(ax, curves, key, color, name)
                _draw(ax, curves, f"val_{key}", color, f"{name} validation", linestyle=":")
            wide = f"{name} wide networks"
            _draw(left, curves, "augmented_loss", color, wide, linestyle="--", alpha=0.6)
    for ax, label in ((left, "loss"), (right, metric)):
        drawing.tidy(ax, "epoch", label)
        ax.xaxis.get_major_locator().set_params(integer=True)
        entries = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        if entries:
            ax.legend(entries.values(), [name.strip() for name in entries], frameon=False)
    return left.figure


def _draw(ax: "Axes", curves: Curves, key: str, color: str, label: str, **style: Any) -> None:
    if key in curves:
        values = [float(value) for value in curves[key]]
        ax.plot(range(1, len(values) + 1), values, color=color, label=label or "training", **style)


def _by_name(histories: Any) -> dict[str, list[Curves]]:
    """Names and curves of the trainings; one alone has an empty name."""
    one = _curves(histories)
    if one is not None:
        return {"": [one]}
    found: dict[str, list[Curves]] = {}
    if isinstance(histories, Mapping):
        for name, given in histories.items():
            runs = [_curves(run) for run in (given if isinstance(given, list | tuple) else [given])]
            known = [run for run in runs if run is not None]
            if not known or len(known) < len(runs):
                raise ValueError(f"{_RULE} Received: {name!r}: {given!r}.")
            found[str(name)] = known
    if not found:
        raise ValueError(f"{_RULE} Received: {histories!r}.")
    return found


_RULE = (
    "`histories` must be what `fit` returned, a `history` of it with a 'loss', "
    "or a dictionary from names to these."
)


def _curves(given: Any) -> Curves | None:
    """The curves of one training, or None where it is something else."""
    if isinstance(given, keras.callbacks.History):
        given = given.history
    is_curves = isinstance(given, Mapping) and isinstance(given.get("loss"), list | tuple)
    return given if is_curves and all(map(_is_number, given["loss"])) else None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
