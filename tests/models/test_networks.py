"""Ready networks of all operators build, train, save, and serve the rest of the package."""

import re

import keras
import numpy as np
import pytest
from ready_networks import SMALL, randomize, small

import keras_shiftadd as ksa

OPERATORS = ("conv", "shift", "adder", "shift_adder")


def used(model):
    """The operators of the layers with kernels, without stem and classifier."""
    rows = ksa.cost.count_operations(model).rows
    inner = [row for row in rows if row.name not in ("stem", "classifier")]
    return {step.operator for row in inner for step in row.steps}


@pytest.mark.once
@pytest.mark.parametrize("name", sorted(SMALL))
def test_blocks_of_all_operators_are_normalised(name):
    # One build of a deep network holds all operators; the number of blocks is in the message.
    with pytest.raises(ValueError, match=r"each of the \d+ blocks. Received: 2 names") as error:
        small(name, operators=("conv", "shift"))
    blocks = int(re.search(r"the (\d+) blocks", str(error.value))[1])
    model = small(name, operators=[OPERATORS[i % 4] for i in range(blocks)])
    assert used(model) == {"conv", "shift", "adder"}
    assert model.output_shape == (None, 3)
    assert ksa.layers.check_normalization(model) == []


@pytest.mark.once
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", ["DSCNN", "MobileNetV3Small", "ResNet8"])
def test_all_inner_kernels_have_the_operator(name, operator):
    model = small(name, operators=operator)
    assert used(model) == set(operator.split("_"))
    assert ksa.layers.check_normalization(model) == []


@pytest.mark.once
def test_stem_and_classifier_multiply_unless_they_are_told():
    plain = {layer.name: layer for layer in small("ResNet8", operators="adder").layers}
    assert type(plain["stem"]) is keras.layers.Conv2D
    assert type(plain["classifier"]) is keras.layers.Dense
    model = small("ResNet8", operators="adder", stem_operator="shift", classifier_operator="adder")
    named = {layer.name: layer for layer in model.layers}
    assert type(named["stem"]) is ksa.layers.ShiftConv2D
    assert type(named["classifier"]) is ksa.layers.AdderDense
    assert ksa.layers.check_normalization(model) == []
    assert np.allclose(model.predict(np.ones((1, 8, 8, 3)), verbose=0).sum(), 1, atol=1e-5)


@pytest.mark.once
def test_blocks_have_operators_of_their_own():
    model = small("ResNet8", operators=("conv", "shift", "adder"))
    kinds = [type(model.get_layer(f"stage{i}_block0_conv1")) for i in range(3)]
    assert kinds == [keras.layers.Conv2D, ksa.layers.ShiftConv2D, ksa.layers.AdderConv2D]


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operators": "attention"}, "`operators` must be one of"),
        ({"input_shape": (8,)}, "`input_shape` must be"),
        ({"num_classes": 0}, "`num_classes` must be a positive integer"),
        ({"pooling": "avg"}, "`pooling` is for `include_top=False`"),
        ({"pooling": "sum", "include_top": False}, "`pooling` must be one of"),
        ({"alpha": 0}, "`alpha` must be a number above 0"),
        ({"gradient_scale": -1.0}, "`gradient_scale` must be a number above 0"),
        ({"weight_bits": 1}, "weight_bits"),
        ({"stem_operator": "dense"}, "`stem_operator` must be one of"),
        ({"shortcuts": "none"}, "`shortcuts` must be one of"),
        ({"activation": "gelu"}, "`activation` must be one of"),
    ],
)
def test_a_wrong_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        small("ResNet8", **arguments)


@pytest.mark.once
def test_the_number_of_classes_may_be_one_of_numpy():
    assert small("ResNet8", num_classes=np.array([0, 2]).max() + 1).output_shape == (None, 3)


@pytest.mark.once
@pytest.mark.parametrize("name", ["DSCNN", "MobileNetV3Small", "ResNet8"])
def test_without_a_classifier_there_is_a_feature_map_or_a_vector(name):
    whole = small(name, include_top=False)
    rank, channels = len(whole.output_shape), whole.output_shape[-1]
    assert rank == 4
    for pooling in ("avg", "max"):
        model = small(name, include_top=False, pooling=pooling)
        assert model.output_shape == (None, channels)


@pytest.mark.once
@pytest.mark.parametrize("operator", ["conv", "shift_adder"])
@pytest.mark.parametrize("name", ["DSCNN", "MobileNetV3Small", "ResNet8"])
def test_a_time_series_is_an_image_of_one_column(name, operator):
    model = small(name, input_shape=(32, 6), operators=operator)
    assert model.output_shape == (None, 3)
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel_size")]
    assert {layer.kernel_size[1] for layer in kernels} == {1}


@pytest.mark.parametrize(
    ("name", "operators"),
    [("ResNet8", ("shift", "adder", "shift_adder")), ("DSCNN", [*OPERATORS])],
)
def test_a_saved_network_predicts_the_same(name, operators, tmp_path, rng):
    model = small(name, operators=operators)
    randomize(model)
    x = rng.normal(size=(2, *model.input_shape[1:])).astype("float32")
    model.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize(
    "arguments",
    [
        {"operators": ("shift", "adder", "shift_adder")},
        {"operators": "adder", "shortcuts": "layer", "activation": "power"},
    ],
)
def test_a_network_learns_two_classes(arguments, rng):
    model = small("ResNet8", num_classes=2, **arguments)
    y = np.arange(64) % 2
    x = (rng.normal(size=(64, 8, 8, 3)) + y[:, None, None, None]).astype("float32")
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x, y, epochs=6, batch_size=16, verbose=0).history
    assert history["accuracy"][-1] > 0.85


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        pytest.param("MobileNetV3Small", "shift", marks=pytest.mark.once),
        ("DSCNN", "adder"),
        pytest.param("ResNet8", "shift_adder", marks=pytest.mark.once),
    ],
)
def test_networks_train_inside_wider_ones(name, operator, rng):
    model = small(name, operators=operator)
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    x = rng.normal(size=(2, *model.input_shape[1:])).astype("float32")
    assert keras.ops.shape(augmented(x)) == (2, 3)
    kept = [line for line in augmented.describe().splitlines() if "cannot be widened" in line]
    assert kept == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "operator"),
    [
        *(("DSCNN", operator) for operator in OPERATORS),
        ("MobileNetV3Small", "shift"),
        ("ResNet8", "adder"),
    ],
)
def test_exported_networks_agree_with_keras(name, operator, tmp_path, rng):
    pytest.importorskip("ai_edge_litert", reason="pip install 'keras-shiftadd[export]'")
    model = small(name, operators=operator)
    randomize(model)
    x = rng.normal(size=(32, *model.input_shape[1:])).astype("float32")
    report = ksa.export.to_tflite(model, tmp_path / "model.tflite", calibration_data=x)
    outputs = ksa.export.Interpreter(tmp_path / "model.tflite").predict(x)
    assert report is not None
    assert np.abs(outputs - model.predict(x, verbose=0)).mean() < 0.1
