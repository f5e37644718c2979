"""Generated C whose convolutions run on CMSIS-NN."""

import importlib.util
import pathlib

import numpy as np
import pytest
from export_helpers import normal, sequential, settle
from keras import layers

from keras_shiftadd import export
from keras_shiftadd import layers as ksa_layers

pytestmark = pytest.mark.once
TARGETS = ("cortex-m4", "cortex-m0")


def network():
    data = normal(9, 7, 3, count=48)
    model = sequential(
        (9, 7, 3),
        layers.Conv2D(5, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        ksa_layers.AdderConv2D(8, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.DepthwiseConv2D(3),
        layers.Conv2D(6, 1, activation="relu6"),
        layers.Flatten(),
        layers.Dense(4),
    )
    return export.quantize(settle(model, data), data), data


@pytest.fixture(scope="module", params=TARGETS)
def written(request, tmp_path_factory):
    model, data = network()
    folder = tmp_path_factory.mktemp("cmsis") / "firmware"
    report = export.to_c(model, folder, target=request.param, convolutions="cmsis-nn")
    x = model.tensors[model.input].quantization.quantize(data[:6])
    return folder, report, x, export.IntegerInterpreter(model).predict_quantized(x)


def folders():
    found = importlib.util.find_spec("bakenn")
    if found is None or found.origin is None:
        pytest.skip("CMSIS-NN is missing: pip install bakenn==1.0.0")
    vendor = pathlib.Path(found.origin).parent / "backend" / "cmsis_nn" / "vendor"
    return vendor / "cmsis_nn", vendor / "cmsis_core"


def test_bits_are_those_of_the_reference(written):
    pytest.importorskip("ziglang", reason='needs ziglang: pip install "keras-shiftadd[micro]"')
    pytest.importorskip("unicorn", reason='needs unicorn: pip install "keras-shiftadd[micro]"')
    folder, report, x, expected = written
    result = export.simulate(folder, report.target, x, cmsis=folders())
    np.testing.assert_array_equal(result.outputs, expected)
    assert abs(result.flash_bytes / report.flash_bytes - 1) < 0.05


def test_convolutions_without_groups_run_on_it(written):
    _, report, _, _ = written
    kernels = [layer.kernel for layer in report.layers]
    assert [kernels[i] for i in (0, 3, 4)] == ["cmsis_nn_conv"] * 3
    assert kernels[1].startswith("adder")
    assert kernels[2] == "conv_depthwise"
    assert report.layers[0].reason == "was asked for"


def test_this_machine_has_the_same_bits_without_it(written):
    folder, _, x, expected = written
    np.testing.assert_array_equal(export.simulate(folder, "portable", x).outputs, expected)


def test_a_simulation_asks_for_its_folders(written, tmp_path):
    folder, report, x, _ = written
    with pytest.raises(ValueError, match="needs `cmsis`, the folders"):
        export.simulate(folder, report.target, x)
    with pytest.raises(FileNotFoundError, match="must be the folders of CMSIS-NN"):
        export.simulate(folder, report.target, x, cmsis=(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"convolutions": "other"}, "`convolutions` must be one of own, cmsis-nn"),
        ({"convolutions": "cmsis-nn", "target": "rv32i"}, "CMSIS-NN is for Arm's Cortex-M"),
    ],
)
def test_arguments_are_checked(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.to_c(network()[0], tmp_path / "firmware", **arguments)
