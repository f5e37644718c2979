"""plot_summary draws the figures of a summary."""

import dataclasses

import keras
import pytest

import keras_shiftadd as ksa

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")
pytestmark = pytest.mark.once
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(0.5, name="large"),
            keras.layers.Conv2D(4, 3, name="first"),
            keras.layers.ReLU(name="small"),
            ksa.layers.ShiftConv2D(4, 3, name="second"),
            keras.layers.BatchNormalization(name="norm"),
            ksa.layers.AdderConv2D(4, 3, name="third"),
            keras.layers.ReLU(name="tiny"),
        ]
    )


def bars(figure):
    (ax,) = figure.axes
    widths = [bar.get_width() for bar in ax.patches]
    names = [label.get_text() for label in ax.get_yticklabels()]
    return dict(zip(names, widths, strict=True))


def test_each_layer_with_a_kernel_has_a_bar_of_its_energy(model):
    data = ksa.summary(model, verbose=False)
    drawn = bars(ksa.cost.plot_summary(data))
    rows = {row.name: row.energy_nj for row in data.rows}
    for name in ("first", "second", "third"):
        assert drawn[name] == pytest.approx(rows[name])
    assert sum(drawn.values()) == pytest.approx(data.totals.energy_nj)


def test_layers_that_hardly_count_share_a_bar(model):
    drawn = bars(ksa.cost.plot_summary(ksa.summary(model, verbose=False)))
    assert list(drawn) == ["large", "first", "second", "third", "3 other layers"]


def test_an_operator_has_one_colour_and_one_entry(model):
    (ax,) = ksa.cost.plot_summary(ksa.summary(model, verbose=False)).axes
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["conv", "shift", "adder", "no kernel"]


def test_a_target_of_instructions_draws_these(model):
    data = ksa.summary(model, verbose=False, target="cortex-m4")
    figure = ksa.cost.plot_summary(data)
    assert sum(bars(figure).values()) == pytest.approx(data.totals.instructions)
    assert figure.axes[0].get_xlabel() == "executed instructions"


def test_given_axes_are_drawn_on(model):
    figure, ax = pyplot.subplots()
    assert ksa.cost.plot_summary(ksa.summary(model, verbose=False), "flash", ax=ax) is figure


@pytest.mark.parametrize("measure", ["energy", "ram"])
def test_what_does_not_add_up_is_no_measure(model, measure):
    with pytest.raises(ValueError, match=f"`measure` must be one of.*Received: '{measure}'"):
        ksa.cost.plot_summary(ksa.summary(model, verbose=False), measure)


def test_a_measure_that_the_target_does_not_have_is_refused(model):
    with pytest.raises(ValueError, match=r"target of the summary.*measure='instructions'"):
        ksa.cost.plot_summary(ksa.summary(model, verbose=False), "instructions")


def test_a_model_in_the_place_of_its_summary_is_refused(model):
    with pytest.raises(TypeError, match=r"what `keras_shiftadd\.summary\(model\)` returned"):
        ksa.cost.plot_summary(model)


def test_a_network_without_costs_is_drawn(model):
    data = ksa.summary(model, verbose=False)
    nothing = [dataclasses.replace(row, shift=0) for row in data.rows]
    empty = dataclasses.replace(
        data, rows=tuple(nothing), totals=dataclasses.replace(data.totals, shift=0)
    )
    assert set(bars(ksa.cost.plot_summary(empty, "shift")).values()) == {0}
