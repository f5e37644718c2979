"""Architectures, the values of KerasTuner, and what hand-edited dictionaries are told."""

import copy
import json
import random

import keras_tuner
import pytest
from small_spaces import edited, small_bossnas, small_space

from keras_shiftadd.tuners import HybridSpace

SPACES = {
    "inverted residual": small_space(),
    "bottleneck": small_space(block="bottleneck"),
    "tiny": HybridSpace((32, 32, 3), 10, ("conv", "shift", "adder", "attention")),
    "time series": HybridSpace((64, 6), 10),
    "bossnas": small_bossnas(),
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
class TestRoundTrip:
    def test_values_lead_back_to_the_architecture(self, space):
        rng = random.Random(0)
        for _ in range(200):
            architecture = space.sample(rng)
            assert space.architecture(space.values(architecture)) == architecture

    def test_an_architecture_survives_json(self, space):
        architecture = space.sample(random.Random(0))
        assert space.validate(json.loads(json.dumps(architecture))) == architecture

    def test_values_are_choices_of_the_hyperparameters(self, space):
        hyperparameters = {h.name: h for h in space.hyperparameters().space}
        for name, value in space.values(space.sample(random.Random(0))).items():
            assert value in hyperparameters[name].values

    def test_random_search_finds_valid_architectures(self, space):
        oracle = keras_tuner.oracles.RandomSearchOracle(
            keras_tuner.Objective("score", "max"),
            max_trials=100,
            hyperparameters=space.hyperparameters(),
            seed=1,
        )
        for trial in range(50):
            values = oracle.populate_space(str(trial))["values"]
            architecture = space.architecture(values)
            space.validate(architecture)
            if space.total_depth is None:
                assert space.values(architecture) == values


def with_values(space, **values):
    hp = space.hyperparameters()
    hp.values = {name.replace("__", "/"): value for name, value in values.items()}
    return hp


def test_a_block_is_active_only_where_its_stage_is_deep_enough():
    space, name = small_space(), "stage_1/block_1/operator"
    assert not with_values(space, stage_1__depth=1).is_active(name)
    assert with_values(space, stage_1__depth=2).is_active(name)


def test_attention_leaves_kernel_size_and_expansion_inactive():
    space, name = small_space(), "stage_1/block_0"
    for operator, active in (("attention", False), ("adder", True)):
        hp = with_values(space, stage_1__depth=1, stage_1__block_0__operator=operator)
        assert hp.is_active(f"{name}/kernel_size") is active
        assert hp.is_active(f"{name}/expansion") is active


def test_attention_in_a_bottleneck_keeps_its_expansion():
    space, name = small_space(block="bottleneck"), "stage_1/block_0"
    hp = with_values(space, stage_1__depth=1, stage_1__block_0__operator="attention")
    assert hp.is_active(f"{name}/expansion")
    assert not hp.is_active(f"{name}/kernel_size")


def test_a_choice_between_one_value_is_no_hyperparameter():
    space = small_space(widths=((8,), (8, 12)), kernel_sizes=(3,), operators=("adder",))
    names = {h.name for h in space.hyperparameters().space}
    assert {name.split("/")[-1] for name in names} == {"width", "depth", "expansion"}
    assert "stage_0/width" not in names
    architecture = space.sample(random.Random(0))
    assert set(space.values(architecture)) <= names
    assert space.architecture(space.values(architecture)) == architecture


def test_hyperparameters_with_values_make_their_architecture():
    space = small_space()
    architecture = space.sample(random.Random(3))
    hp = space.hyperparameters()
    hp.values = {**hp.values, **space.values(architecture)}
    assert space.architecture(hp) == architecture


def test_missing_values_are_the_first_choices():
    assert small_space().architecture({}) == {
        "stages": [
            {"width": 4, "blocks": [{"operator": "conv", "kernel_size": 3, "expansion": 1}]},
            {"width": 8, "blocks": [{"operator": "conv", "kernel_size": 3, "expansion": 1}]},
        ]
    }


def test_names_of_others_among_the_values_are_left_alone():
    space = small_space()
    values = {"learning_rate": 0.1, "stage_0/width": 8}
    assert space.architecture(values)["stages"][0]["width"] == 8


def test_a_value_that_is_no_choice_is_refused():
    with pytest.raises(ValueError, match=r"'stage_0/width' must be one of \(4, 8\).*Received: 5"):
        small_space().architecture({"stage_0/width": 5})


def test_depths_that_do_not_add_up_are_repaired_from_the_end():
    depths = {"stage_0/depth": 4, "stage_1/depth": 4, "stage_2/depth": 4}
    architecture = small_bossnas(6).architecture(depths)
    assert [len(stage["blocks"]) for stage in architecture["stages"]] == [4, 1, 1]


VALID = {
    "stages": [
        {"width": 4, "blocks": [{"operator": "shift", "kernel_size": 5, "expansion": 2}]},
        {
            "width": 12,
            "blocks": [
                {"operator": "attention"},
                {"operator": "adder", "kernel_size": 3, "expansion": 1},
            ],
        },
    ]
}


def stages(*changes):
    """VALID with other stages: pairs of a number and the keys to change."""
    result = copy.deepcopy(VALID)
    for stage, keys in changes:
        result["stages"][stage].update(keys)
    return result


def test_the_dictionary_of_these_tests_is_valid():
    assert small_space().validate(VALID) is VALID


EDITS = {
    "a list": ([], "must be a dictionary"),
    "no stages": ({}, "with 2 stages"),
    "a stage too few": ({"stages": VALID["stages"][:1]}, "with 2 stages"),
    "a stage without width": ({"stages": [{"blocks": []}] * 2}, "Stage 0 must be"),
    "a stage with a name": (stages((0, {"name": "first"})), "Stage 0 must be"),
    "blocks are a dictionary": (stages((1, {"blocks": {}})), "Stage 1 must be"),
    "a block is a word": (stages((1, {"blocks": ["conv"]})), "Block 0 of stage 1 must be"),
    "an unknown key": (edited(VALID, 0, 0, stride=2), "Block 0 of stage 0 must be"),
    "another width": (stages((0, {"width": 5})), r"'stage_0/width' must be one of \(4, 8\)"),
    "a float width": (stages((0, {"width": 4.0})), "'stage_0/width' must be one of"),
    "no blocks": (stages((0, {"blocks": []})), r"'stage_0/depth' must be one of .*Received: 0"),
    "too many blocks": (
        stages((0, {"blocks": VALID["stages"][0]["blocks"] * 3})),
        "'stage_0/depth' must be one of .*Received: 3",
    ),
    "another operator": (edited(VALID, 0, 0, operator="xor"), "'stage_0/block_0/operator' must be"),
    "no operator": (edited(VALID, 0, 0, operator=None), "'stage_0/block_0/operator'"),
    "another window": (edited(VALID, 0, 0, kernel_size=7), "'stage_0/block_0/kernel_size' must be"),
    "no window": (edited(VALID, 0, 0, kernel_size=None), "must say what 'stage_0/block_0/kernel_s"),
    "a window as text": (edited(VALID, 0, 0, kernel_size="3"), "kernel_size' must be one of"),
    "attention where it strides": (
        edited(VALID, 0, 0, operator="attention", kernel_size=None, expansion=None),
        r"'stage_0/block_0/operator' must be one of \('conv', 'shift', 'adder'\)",
    ),
    "attention with a window": (
        edited(VALID, 1, 0, kernel_size=3),
        "no choice 'stage_1/block_0/kernel_size' beside the others",
    ),
    "a boolean expansion": (
        edited(VALID, 1, 1, expansion=True),
        "'stage_1/block_1/expansion' must",
    ),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("method", ["validate", "values", "build"])
def test_an_architecture_edited_wrongly_is_refused(name, method):
    architecture, message = EDITS[name]
    with pytest.raises(ValueError, match=message):
        getattr(small_space(), method)(architecture)


def test_other_than_the_total_number_of_blocks_is_refused():
    space = small_bossnas(6)
    architecture = space.sample(random.Random(0))
    longest = max(architecture["stages"], key=lambda stage: len(stage["blocks"]))
    del longest["blocks"][-1]
    with pytest.raises(ValueError, match=r"must have 6 blocks \(`total_depth`\). Received: 5"):
        space.validate(architecture)
