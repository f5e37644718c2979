"""Plots of a search: what they draw, from what, and what they say where they cannot."""

import random
import sys
import types

import keras
import pytest

import keras_shiftadd as ksa

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")
pytestmark = pytest.mark.once
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

T = ksa.tuners


def axes_of(plot):
    """The same function, which returns the axes of the figure instead."""
    return lambda *args, **kwargs: plot(*args, **kwargs).axes[0]


plot_pareto = axes_of(T.plot_pareto)
plot_history = axes_of(T.plot_history)
plot_architecture = axes_of(T.plot_architecture)


def records(*points):
    """Records from (energy, score), named by their position."""
    return [
        {
            "trial_id": str(number),
            "architecture": {},
            "score": score,
            "cost": {"energy_uj": energy, "instructions": None, "flash": 1, "ram": 1},
            "status": "COMPLETED" if score is not None else "FAILED",
        }
        for number, (energy, score) in enumerate(points)
    ]


class Search:
    """Stands in for a tuner: a history, and an objective of KerasTuner's kind."""

    def __init__(self, given, name="val_loss", direction="min"):
        self.given = given
        self.objective = types.SimpleNamespace(name=name, direction=direction)

    def history(self):
        return self.given


def line(ax, label):
    """The points of a line, by its label in the legend."""
    (found,) = [one for one in ax.get_lines() if one.get_label() == label]
    return list(map(tuple, found.get_xydata().tolist()))


def scatter(ax, label):
    (found,) = [one for one in ax.collections if one.get_label() == label]
    return list(map(tuple, found.get_offsets().tolist()))


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# --- plot_pareto


def test_the_front_and_all_trials_with_a_score_are_drawn():
    ax = plot_pareto(records((3, 0.6), (5, 0.8), (4, 0.5), (9, None)))
    assert line(ax, "Pareto front") == [(3, 0.6), (5, 0.8)]
    assert scatter(ax, "trial") == [(3, 0.6), (5, 0.8), (4, 0.5)]
    assert [text.get_text() for text in ax.texts] == ["0", "1"]


def test_the_axes_name_the_cost_and_the_score():
    ax = plot_pareto(records((3, 0.6)), "flash", score_name="accuracy")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("flash (bytes)", "accuracy")


def test_a_search_says_itself_what_it_minimizes():
    ax = plot_pareto(Search(records((3, 0.6), (5, 0.8), (7, 0.4))))
    assert line(ax, "Pareto front") == [(3, 0.6), (7, 0.4)]
    assert ax.get_ylabel() == "val_loss"


def test_a_tuner_is_asked_through_its_oracle():
    tuner = types.SimpleNamespace(
        history=lambda: records((3, 0.6), (7, 0.4)),
        oracle=types.SimpleNamespace(objective=Search([]).objective),
    )
    assert line(plot_pareto(tuner), "Pareto front") == [(3, 0.6), (7, 0.4)]


def test_an_argument_goes_before_the_objective():
    ax = plot_pareto(Search(records((3, 0.6), (7, 0.4))), maximize=True, score_name="loss")
    assert line(ax, "Pareto front") == [(3, 0.6)]
    assert ax.get_ylabel() == "loss"


def test_the_limit_of_the_budget_is_marked():
    ax = plot_pareto(records((3, 0.6)), budget=ksa.cost.Budget(energy_uj=4.0))
    assert {x for x, _ in line(ax, "budget")} == {4.0}


def test_a_budget_that_does_not_limit_the_cost_marks_nothing():
    ax = plot_pareto(records((3, 0.6)), budget=ksa.cost.Budget(flash=4))
    assert "budget" not in legend(ax)


def test_two_searches_share_axes_and_have_their_own_colours():
    ax = plot_pareto(records((3, 0.6)), label="hybrid")
    assert plot_pareto(records((4, 0.7)), label="conv", ax=ax) is ax
    assert legend(ax) == ["hybrid", "conv"]
    hybrid, conv = ax.get_lines()
    assert hybrid.get_color() != conv.get_color()


@pytest.mark.parametrize("given", [[], records((3, None))])
def test_a_history_without_a_score_is_refused(given):
    with pytest.raises(ValueError, match=f"{len(given)} trials, none with a score"):
        plot_pareto(given)


def test_a_cost_that_the_target_does_not_have_is_refused():
    with pytest.raises(ValueError, match="none with a score and a cost 'instructions'"):
        plot_pareto(records((3, 0.5)), "instructions")


def test_an_unknown_cost_is_refused():
    with pytest.raises(ValueError, match="`cost_name` must be the name of a cost"):
        plot_pareto(records((3, 0.5)), "energy")


# --- plot_history


def test_the_best_score_so_far_never_falls():
    ax = plot_history(records((1, 0.5), (1, 0.4), (1, 0.7), (1, 0.6)))
    assert line(ax, "best so far") == [(1, 0.5), (2, 0.5), (3, 0.7), (4, 0.7)]
    assert scatter(ax, "trial") == [(1, 0.5), (2, 0.4), (3, 0.7), (4, 0.6)]


def test_the_best_of_a_score_to_minimize_never_rises():
    ax = plot_history(records((1, 0.5), (1, 0.6), (1, 0.4)), maximize=False)
    assert line(ax, "best so far") == [(1, 0.5), (2, 0.5), (3, 0.4)]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_trial_without_a_score_keeps_its_place(missing):
    ax = plot_history(records((1, missing), (1, 0.5)))
    assert [x for x, _ in line(ax, "trial without a score")] == [1]
    assert line(ax, "best so far") == [(2, 0.5)]


def test_a_trial_above_the_budget_is_never_the_best():
    ax = plot_history(records((3, 0.5), (9, 0.9), (4, 0.6)), budget=ksa.cost.Budget(energy_uj=4.0))
    assert scatter(ax, "trial above the budget") == [(2, 0.9)]
    assert line(ax, "best so far") == [(1, 0.5), (2, 0.5), (3, 0.6)]


def test_generations_are_marked_after_each_so_many_trials():
    ax = plot_history(records(*[(1, 0.5)] * 7), generation_size=3)
    marks = [one.get_xdata()[0] for one in ax.get_lines() if one.get_linewidth() < 1]
    assert marks == [3.5, 6.5]
    assert legend(ax).count("generation") == 1


def test_a_history_that_has_not_begun_is_empty():
    ax = plot_history([], generation_size=3)
    assert not ax.get_lines()
    assert ax.get_legend() is None


@pytest.mark.parametrize("size", [0, 2.0, True])
def test_a_generation_has_a_whole_number_of_trials(size):
    with pytest.raises(ValueError, match="`generation_size` must be a positive integer"):
        plot_history([], generation_size=size)


# --- plot_architecture


@pytest.fixture(scope="module")
def space():
    return T.HybridSpace((32, 32, 3), 10, operators=("conv", "shift", "adder", "attention"))


ARCHITECTURE = {
    "stages": [
        {"width": 16, "blocks": [{"operator": "shift", "kernel_size": 3, "expansion": 2}]},
        {
            "width": 32,
            "blocks": [
                {"operator": "conv", "kernel_size": 5, "expansion": 4},
                {"operator": "attention"},
            ],
        },
        {"width": 64, "blocks": [{"operator": "shift", "kernel_size": 3, "expansion": 3}]},
    ]
}


def test_a_block_is_a_bar_of_its_width(space):
    ax = plot_architecture(space, ARCHITECTURE)
    assert [bar.get_height() for bar in ax.patches] == [space.stem_width, 16, 32, 32, 64]


def test_an_operator_has_one_colour_and_one_entry(space):
    ax = plot_architecture(space, ARCHITECTURE)
    stem, first, conv, attention, last = (bar.get_facecolor() for bar in ax.patches)
    assert first == last
    assert len({stem, first, conv, attention}) == 4
    assert legend(ax) == ["conv", "shift", "attention"]


def test_bars_carry_the_choices_of_their_block(space):
    ax = plot_architecture(space, ARCHITECTURE)
    assert [text.get_text() for text in ax.texts] == ["k3\ne2", "k5\ne4", "", "k3\ne3"]


def test_stages_carry_the_size_of_their_outputs(space):
    ax = plot_architecture(space, ARCHITECTURE)
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == ["stem\n32×32", "stage 1\n16×16", "stage 2\n8×8", "stage 3\n4×4"]


def test_series_have_steps():
    space = T.HybridSpace((100, 6), 5)
    ax = plot_architecture(space, space.sample(random.Random(0)))
    assert "steps" in ax.get_xticklabels()[0].get_text()


def test_what_is_no_architecture_of_the_space_is_refused(space):
    with pytest.raises(ValueError, match="stages"):
        plot_architecture(space, {"stages": []})


def test_a_figure_is_returned():
    assert isinstance(T.plot_pareto(records((1, 0.5))), pyplot.Figure)


def test_given_axes_are_drawn_on(space):
    _, ax = pyplot.subplots()
    assert plot_architecture(space, ARCHITECTURE, ax=ax) is ax
    assert plot_history(records((1, 0.5)), ax=ax) is ax


# --- Where it cannot draw


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plot_pareto(records((1, 0.5))),
        lambda: plot_history(records((1, 0.5))),
        lambda: plot_architecture(T.HybridSpace((32, 32, 3), 10), ARCHITECTURE_WITHOUT_ATTENTION),
        lambda: ksa.callbacks.plot_training({"loss": [1.0]}),
    ],
)
def test_a_missing_matplotlib_is_said_with_its_extra(monkeypatch, plot):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "keras-shiftadd\[examples\]"'):
        plot()


ARCHITECTURE_WITHOUT_ATTENTION = {
    "stages": [
        {"width": width, "blocks": [{"operator": "conv", "kernel_size": 3, "expansion": 2}]}
        for width in (16, 32, 64)
    ]
}


@pytest.mark.parametrize("given", [{"loss": [1.0]}, [0.5], keras.callbacks.History()])
def test_something_else_than_a_history_is_refused(given):
    with pytest.raises(
        ValueError, match=r"`history` must be a list of dicts.*Received: an object of"
    ):
        plot_history(given)
