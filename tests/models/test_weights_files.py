"""Files of weights and their cards: written whole, checked, and loaded into the right network."""

import json

import numpy as np
import pytest

from keras_shiftadd import models

ARGUMENTS = {"input_shape": [8, 8, 3], "num_classes": 3, "operators": "shift", "alpha": 0.25}
CARD = {
    "name": "shapes",
    "network": "ResNet8",
    "arguments": ARGUMENTS,
    "classes": ["a", "b", "c"],
    "data": "drawn shapes",
    "licence": "CC0-1.0",
    "command": "python train.py",
    "accuracies": {3: 0.75, 4: 0.25},
}


@pytest.fixture(scope="module")
def model():
    return models.ResNet8(**ARGUMENTS)


@pytest.fixture
def file(model, tmp_path):
    path = tmp_path / "shapes.weights.h5"
    models.save_weights(model, path, **CARD)
    return path


def same_weights(first, second):
    return all(
        np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True)
    )


def test_the_card_says_what_the_weights_are(file):
    card = models.read_card(file)
    assert (card.accuracy, card.seeds, card.test_accuracy) == (0.5, (3, 4), 0.75)
    assert card.deviation == pytest.approx(0.25 * 2**0.5)
    assert card.energy_uj > 0
    assert sorted(f.name for f in file.parent.iterdir()) == ["shapes.json", "shapes.weights.h5"]


def test_weights_load_by_path_and_by_card(file, model):
    assert same_weights(models.ResNet8(**ARGUMENTS, weights=file), model)
    assert same_weights(models.ResNet8(**ARGUMENTS, weights=str(file)), model)
    loaded = models.load_network(file, classifier_activation=None)
    assert same_weights(loaded, model)


def test_a_network_without_classifier_takes_the_other_weights(file, model):
    part = models.load_network(file, include_top=False, pooling="avg")
    assert part.output_shape == (None, 16)
    assert same_weights(part.get_layer("stem"), model.get_layer("stem"))


def test_a_plain_file_of_keras_needs_no_card(model, tmp_path):
    model.save_weights(tmp_path / "plain.weights.h5")
    loaded = models.ResNet8(**ARGUMENTS, weights=tmp_path / "plain.weights.h5")
    assert same_weights(loaded, model)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_classes": 5}, "need num_classes=3. Received: num_classes=5"),
        ({"operators": "conv"}, "need operators='shift'. Received: operators='conv'"),
        ({"alpha": 0.5}, "need alpha=0.25. Received: alpha=0.5"),
    ],
)
def test_weights_of_other_arguments_are_refused(file, changed, message):
    with pytest.raises(ValueError, match=message):
        models.ResNet8(**{**ARGUMENTS, **changed}, weights=file)


def test_weights_of_another_network_are_refused(file):
    with pytest.raises(ValueError, match="The weights are of ResNet8, not of DSCNN"):
        models.DSCNN(weights=file)


def test_a_plain_file_of_another_network_is_refused(model, tmp_path):
    model.save_weights(tmp_path / "plain.weights.h5")
    with pytest.raises(ValueError, match="must be those of the network 'dscnn'"):
        models.DSCNN(weights=tmp_path / "plain.weights.h5")


def test_a_changed_file_is_refused(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="damaged, or was replaced"):
        models.load_network(file)


def test_a_damaged_card_is_refused(file):
    card = file.with_name("shapes.json")
    card.write_text(json.dumps({"name": "shapes"}))
    with pytest.raises(ValueError, match="which is damaged"):
        models.load_network(file)
    card.unlink()
    with pytest.raises(FileNotFoundError, match="There is none"):
        models.read_card(file)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"name of weights that come with the package.*'nothing'"):
        models.ResNet8(weights="nothing")
    with pytest.raises(FileNotFoundError, match="nothing"):
        models.load_network("nothing")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": "ResNet9"}, "`network` must be one of"),
        ({"arguments": {**ARGUMENTS, "alpha": 0.5}}, "must make `model`"),
        ({"classes": ["a"]}, "`classes` must name the 3 outputs"),
        ({"accuracies": {}}, "`accuracies` must give"),
        ({"accuracies": {0: 75.0}}, "`accuracies` must give"),
    ],
)
def test_a_card_that_is_not_true_is_not_written(model, tmp_path, changed, message):
    with pytest.raises(ValueError, match=message):
        models.save_weights(model, tmp_path / "a.weights.h5", **{**CARD, **changed})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["resnet8_{}_gestures", "dscnn_{}_speech_commands"])
def test_the_package_has_weights_of_every_operator(name):
    names = {name.format(operator) for operator in ("conv", "shift", "adder", "hybrid")}
    assert names <= set(models.list_weights())


@pytest.mark.parametrize("name", sorted(models.list_weights()))
def test_weights_of_the_package_are_small_and_load(name):
    from keras_shiftadd.models._named_weights import packaged

    card = models.list_weights()[name]
    loaded = models.load_network(name)
    function = getattr(models, card.network)
    assert same_weights(function(**card.arguments, weights=card.name), loaded)
    assert loaded.output_shape == (None, len(card.classes))
    assert packaged()[name].stat().st_size < 250_000


@pytest.mark.parametrize("card", models.list_weights().values(), ids=models.list_weights())
def test_a_card_of_the_package_says_where_its_weights_come_from(card):
    assert len(card.seeds) == 3
    assert card.accuracy - card.deviation > 0.5
    assert card.licence.endswith("(the weights)")
    assert card.command.startswith("python benchmarks/train_weights.py ")
    assert len(card.preprocessing["mean"]) == len(card.preprocessing["deviation"])
    assert card.energy_uj > 0
