"""AugmentationSpace: tiny networks and the factors beside them."""

import json
import random

import keras
import pytest
from small_spaces import edited, small_space, without_random_weights

import keras_shiftadd as ksa
from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import AugmentationSpace
from keras_shiftadd.tuners._oracle.enumeration import all_architectures

pytestmark = pytest.mark.once

TINY = {
    "inverted residual": small_space(operators=("shift", "adder"), attention_stages=0),
    "bottleneck": small_space(operators=("conv", "shift"), block="bottleneck", attention_stages=0),
    "time series": small_space((9, 2), ("shift",), stem_stride=4, strides=(1, 2)),
}


def space_of(tiny="inverted residual", **arguments):
    arguments = {"width_multiples": (1.5, 2.5), "expansion_multiples": (1.0, 1.6), **arguments}
    return AugmentationSpace(TINY[tiny], **arguments)


@pytest.mark.parametrize("tiny", TINY)
class TestArchitectures:
    def test_samples_mutants_and_children_are_valid(self, tiny):
        space, rng = space_of(tiny), random.Random(0)
        for _ in range(50):
            first, second = space.sample(rng), space.sample(rng)
            space.validate(space.mutate(first, rng, 0.3))
            space.validate(space.crossover(first, second, rng))

    def test_values_and_architectures_say_the_same(self, tiny):
        space, rng = space_of(tiny), random.Random(0)
        for _ in range(20):
            architecture = json.loads(json.dumps(space.sample(rng)))
            assert space.architecture(space.values(architecture)) == architecture

    def test_the_tiny_network_is_one_of_the_tiny_space(self, tiny):
        space, rng = space_of(tiny), random.Random(0)
        for _ in range(20):
            space.tiny.validate(space.tiny_architecture(space.sample(rng)))

    def test_the_cost_is_that_of_the_tiny_network(self, tiny):
        space, rng = space_of(tiny), random.Random(0)
        without_random_weights(space)
        budget = Budget(flash=1)
        for _ in range(3):
            architecture = space.sample(rng)
            found = space.cost(architecture, budget)
            wanted = budget.estimate(space.build(architecture))
            assert (found.flash, found.ram) == (wanted.flash, wanted.ram)
            assert found.energy_uj == pytest.approx(wanted.energy_uj, rel=1e-9)

    def test_the_wide_network_has_the_widths_that_the_callback_makes(self, tiny):
        space, rng = space_of(tiny), random.Random(0)
        without_random_weights(space)
        for _ in range(5):
            architecture = space.sample(rng)
            augmented = ksa.callbacks.Augmented(
                space.build(architecture), space.layer_widths(architecture)
            )
            (wide,) = augmented.configurations
            found = {g.name: wide[g] for g in augmented._network._all}
            for plan in space.wide_plan(architecture):
                inverted = plan.block == "inverted_residual"
                for name in ("expand",) if inverted else ("reduce", "spatial"):
                    assert found[f"{plan.name}_{name}"] == plan.hidden_width
                outer = "project" if inverted else "restore"
                assert found[f"{plan.name}_{outer}"] == plan.width


def test_expansion_multiples_come_on_top_of_the_width_of_what_a_block_reads():
    space = space_of(width_multiples=(2.0,), expansion_multiples=(1.5,))
    block = {"operator": "shift", "kernel_size": 3, "expansion": 2, "expansion_multiple": 1.5}
    architecture = {
        "stages": [
            {"width": 8, "width_multiple": 2.0, "blocks": [dict(block)]},
            {"width": 12, "width_multiple": 2.0, "blocks": [dict(block)]},
        ]
    }
    plans = space.wide_plan(architecture)
    # The stem keeps its 4 channels.
    assert [(p.in_width, p.hidden_width, p.width) for p in plans] == [(4, 12, 16), (16, 48, 24)]
    assert {p.operator for p in plans} == {"conv"}


def test_moves_leave_fixed_values_alone():
    space, rng = space_of(), random.Random(0)
    fixed = space.widening(space.sample(rng))
    for _ in range(30):
        first, second = space.sample(rng), space.sample(rng)
        for moved in (
            space.sample(rng, "shift", fixed),
            space.mutate(first, rng, 1.0, fixed),
            space.crossover(first, second, rng, fixed),
        ):
            values = space.values(moved)
            assert all(values.get(name, value) == value for name, value in fixed.items())


def test_all_architectures_are_tiny_ones_times_factors():
    tiny = small_space(
        operators=("shift",), widths=((4,),), depths=((1,),), strides=(1,), kernel_sizes=(3,)
    )
    space = AugmentationSpace(tiny, (1.5, 2.5), (1.0, 1.6))
    assert len(all_architectures(space, 100)) == 2 * 2 * 2


def test_the_cheapest_architectures_are_those_of_the_tiny_space():
    space = space_of()
    budget = Budget(flash=1, ram=1)
    for limit, architecture in space.cheapest(budget).items():
        wanted = space.tiny.cheapest(budget)[limit]
        assert space.tiny_architecture(architecture) == wanted


def test_factors_that_are_not_offered_are_refused():
    space = space_of()
    architecture = space.sample(random.Random(0))
    other = edited(architecture, 0, 0, expansion_multiple=1.1)
    with pytest.raises(ValueError, match=r"expansion_multiple' must be one of \(1.0, 1.6\)"):
        space.validate(other)


def test_the_configuration_survives_json_and_keras():
    reference = TINY["inverted residual"].sample(random.Random(0))
    space = space_of(reference=reference, first_stage_trials=7, loss_weight=0.5)
    config = json.loads(json.dumps(space.get_config()))
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(space)))
    for restored in (
        AugmentationSpace.from_config(config),
        keras.saving.deserialize_keras_object(serialized),
    ):
        assert restored.genes == space.genes
        assert json.dumps(restored.get_config()) == json.dumps(space.get_config())


ERRORS = {
    "no space": ({"tiny": (8, 8, 3)}, "`tiny` must be a HybridSpace"),
    "attention": ({"tiny": small_space()}, "`tiny` must be a space without attention"),
    "widened twice": ({"tiny": space_of()}, "`tiny` must be a HybridSpace"),
    "no widening": ({"width_multiples": (1.0, 2.0)}, "`width_multiples` must hold numbers above 1"),
    "narrower": ({"expansion_multiples": (0.5,)}, "`expansion_multiples` must hold numbers from 1"),
    "none": ({"width_multiples": ()}, "`width_multiples` must hold numbers above 1"),
    "falling": ({"width_multiples": (3.0, 2.0)}, "`width_multiples` must hold numbers above 1"),
    "a number": ({"width_multiples": 2.0}, "`width_multiples` must hold numbers above 1"),
    "no trials": ({"first_stage_trials": 0}, "`first_stage_trials` must be a positive integer"),
    "no weight": ({"loss_weight": 0}, "`loss_weight` must be a number above 0"),
    "reference": ({"reference": {"stages": []}}, "An architecture must be a dictionary"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_bad_argument_is_refused(name):
    arguments, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        AugmentationSpace(**{"tiny": TINY["inverted residual"], **arguments})
