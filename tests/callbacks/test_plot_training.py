"""plot_training draws what `fit` returned."""

import keras
import pytest

import keras_shiftadd as ksa

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")
pytestmark = pytest.mark.once
matplotlib.use("Agg")

PLAIN = {"loss": [3.0, 2.0], "accuracy": [0.1, 0.4], "val_loss": [3.5, 2.5], "val_accuracy": [0, 1]}
AUGMENTED = {"loss": [2.0, 1.0], "augmented_loss": [4.0, 3.0]}


def lines(ax):
    """The heights of each line by its label."""
    return {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_losses_are_on_the_left_and_the_metric_on_the_right():
    losses, accuracies = ksa.callbacks.plot_training({"net": PLAIN}).axes
    assert lines(losses) == {"net": [3.0, 2.0], "net validation": [3.5, 2.5]}
    assert lines(accuracies) == {"net": [0.1, 0.4], "net validation": [0, 1]}
    assert list(losses.get_lines()[0].get_xdata()) == [1, 2]


def test_the_loss_of_the_wide_networks_is_drawn():
    losses, _ = ksa.callbacks.plot_training({"augmented": AUGMENTED}).axes
    assert lines(losses)["augmented wide networks"] == [4.0, 3.0]


def test_one_training_needs_no_name():
    history = keras.callbacks.History()
    history.history = PLAIN
    losses, _ = ksa.callbacks.plot_training(history).axes
    assert legend(losses) == ["training", "validation"]


def test_trainings_have_their_own_colours_and_folds_share_one():
    losses, _ = ksa.callbacks.plot_training({"a": [AUGMENTED, AUGMENTED], "b": AUGMENTED}).axes
    colours = {line.get_label(): line.get_color() for line in losses.get_lines()}
    assert colours["a"] != colours["b"]
    assert len(losses.get_lines()) == 6
    assert legend(losses) == ["a", "a wide networks", "b", "b wide networks"]


def test_another_metric_is_drawn():
    history = {"loss": [1.0], "auc": [0.7]}
    _, right = ksa.callbacks.plot_training({"net": history}, metric="auc").axes
    assert lines(right) == {"net": [0.7]}
    assert right.get_ylabel() == "auc"


@pytest.mark.parametrize(
    "given", [None, {}, [PLAIN], {"accuracy": [1.0]}, {"loss": ["high"]}, {"a": [PLAIN, None]}]
)
def test_something_else_than_trainings_is_refused(given):
    with pytest.raises(ValueError, match="`histories` must be what `fit` returned"):
        ksa.callbacks.plot_training(given)
