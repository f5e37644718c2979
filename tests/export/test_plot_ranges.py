"""plot_ranges draws what was measured and what int8 can hold."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")
pytestmark = pytest.mark.once
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

SAMPLES = np.random.default_rng(0).uniform(-1, 3, size=(16, 6, 6, 2)).astype("float32")


@pytest.fixture(scope="module")
def model():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            keras.layers.Conv2D(4, 3, name="first"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dropout(0.5, name="dropout"),
            ksa.layers.AdderConv2D(4, 3, name="second", use_bias=False),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(name="flatten"),
            ksa.layers.ShiftDense(3, name="head"),
        ]
    )


def reach(line):
    return [float(x) for x in line.get_xdata()]


def test_each_tensor_that_is_computed_has_a_row(model):
    (ax,) = ksa.export.plot_ranges(model, SAMPLES).axes
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[:3] == ["input", "relu", "norm"]
    assert names[-1] == "head"
    assert "dropout" not in names


def test_measured_values_are_in_int8_numbers(model):
    (ax,) = ksa.export.plot_ranges(model, SAMPLES, calibration="minmax").axes
    low, high = reach(ax.get_lines()[0])
    network = ksa.export.quantize(model, SAMPLES, calibration="minmax")
    held = network.tensors[network.input].quantization
    assert low == pytest.approx(SAMPLES.min() / held.scale + held.zero_point, abs=1e-3)
    assert high == pytest.approx(SAMPLES.max() / held.scale + held.zero_point, abs=1e-3)
    assert -129 < low < high < 128


def test_the_range_in_numbers_of_the_model_is_written(model):
    (ax,) = ksa.export.plot_ranges(model, SAMPLES).axes
    network = ksa.export.quantize(model, SAMPLES)
    held = network.tensors[network.output].quantization
    assert ax.texts[-1].get_text() == f"{held.low:.3g} to {held.high:.3g}"


def test_weights_of_adder_layers_are_drawn_below_what_they_read(model):
    (ax,) = ksa.export.plot_ranges(model, SAMPLES).axes
    (dotted,) = [line for line in ax.get_lines() if line.get_linestyle() == ":"]
    (tensor,) = [one for one in ksa.export.quantize(model, SAMPLES).tensors if one.name == "relu"]
    kernel = keras.ops.convert_to_numpy(model.get_layer("second").kernel)
    ends = np.array([kernel.min(), kernel.max()])
    expected = ends / tensor.quantization.scale + tensor.quantization.zero_point
    assert reach(dotted) == pytest.approx(expected.tolist(), rel=1e-5)
    assert 1 < dotted.get_ydata()[0] < 1.5


def test_an_operator_has_one_entry(model):
    (ax,) = ksa.export.plot_ranges(model, SAMPLES).axes
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["conv", "shift", "adder", "int8", "adder weights", "no kernel"]


def test_given_axes_are_drawn_on(model):
    figure, ax = pyplot.subplots()
    assert ksa.export.plot_ranges(model, SAMPLES, ax=ax) is figure


def test_data_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match="`calibration_data`"):
        ksa.export.plot_ranges(model, SAMPLES[..., :1])
