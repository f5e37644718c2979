"""What a search does with architectures stays in the space."""

import collections
import random

import pytest
from small_spaces import small_bossnas, small_space

from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import HybridSpace

SPACES = {
    "inverted residual": small_space(),
    "bottleneck": small_space(block="bottleneck"),
    "mobile": HybridSpace((96, 96, 3), 10, ("shift", "adder", "attention"), "mobile"),
    "total depth": small_bossnas(6),
    "the least total depth": small_bossnas(3),
    "the most total depth": small_bossnas(12),
}
DRAWS = 150


def depth(architecture):
    return sum(len(stage["blocks"]) for stage in architecture["stages"])


def check(space, architecture):
    space.validate(architecture)
    assert space.total_depth in (None, depth(architecture))
    for plan in space.plan(architecture):
        if plan.operator == "attention":
            stage = int(plan.name[len("stage")])
            assert plan.stride == 1
            assert stage >= len(space.strides) - space.attention_stages


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
class TestValidity:
    def test_samples_are_valid(self, space):
        rng = random.Random(0)
        for _ in range(DRAWS):
            check(space, space.sample(rng))

    @pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
    def test_mutants_are_valid_and_leave_their_parent_alone(self, space, probability):
        rng = random.Random(0)
        for _ in range(DRAWS):
            parent = space.sample(rng)
            before = repr(parent)
            check(space, space.mutate(parent, rng, probability))
            assert repr(parent) == before

    def test_children_of_two_are_valid(self, space):
        rng = random.Random(0)
        for _ in range(DRAWS):
            check(space, space.crossover(space.sample(rng), space.sample(rng), rng))

    def test_the_extremes_are_valid(self, space):
        for largest in (False, True):
            check(space, space.extreme(random.Random(0), largest))

    def test_moves_depend_on_the_generator_only(self, space):
        def moves(seed):
            rng = random.Random(seed)
            first, second = space.sample(rng), space.sample(rng)
            return [
                first,
                second,
                space.mutate(first, rng, 0.5),
                space.crossover(first, second, rng),
            ]

        assert moves(1) == moves(1)
        assert moves(1) != moves(2)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_mutant_differs_from_its_parent(space):
    rng = random.Random(0)
    for _ in range(DRAWS):
        parent = space.sample(rng)
        assert space.mutate(parent, rng, 0.0) != parent


def test_a_mutant_at_probability_zero_differs_in_one_choice():
    space, rng = small_space(depths=((2,), (2,)), operators=("conv", "adder")), random.Random(0)
    for _ in range(DRAWS):
        parent = space.sample(rng)
        before, after = space.values(parent), space.values(space.mutate(parent, rng, 0.0))
        assert sum(before[name] != after[name] for name in before) == 1


def test_a_mutant_at_probability_one_differs_in_every_choice():
    space, rng = small_space(depths=((2,), (2,)), operators=("conv", "adder")), random.Random(0)
    parent = space.sample(rng)
    before, after = space.values(parent), space.values(space.mutate(parent, rng, 1.0))
    assert all(before[name] != after[name] for name in before)


def test_the_choices_of_a_child_come_from_its_parents():
    space, rng = small_space(), random.Random(0)
    for _ in range(DRAWS):
        parents = [space.sample(rng), space.sample(rng)]
        offered = [space.values(parent) for parent in parents]
        for name, value in space.values(space.crossover(*parents, rng)).items():
            known = {values[name] for values in offered if name in values}
            # What neither parent has, the child draws.
            assert not known or value in known


def test_equal_parents_have_an_equal_child():
    space, rng = small_bossnas(6), random.Random(0)
    parent = space.sample(rng)
    assert space.crossover(parent, parent, rng) == parent


def test_samples_draw_each_choice_evenly():
    space, rng = small_space(), random.Random(0)
    drawn = [space.values(space.sample(rng)) for _ in range(3000)]
    operators = collections.Counter(values["stage_1/block_0/operator"] for values in drawn)
    assert set(operators) == {"conv", "shift", "adder", "attention"}
    assert all(600 < count < 900 for count in operators.values())
    depths = collections.Counter(values["stage_0/depth"] for values in drawn)
    assert all(1350 < count < 1650 for count in depths.values())


def test_the_largest_network_multiplies_at_full_size():
    space = small_space()
    block = {"operator": "conv", "kernel_size": 5, "expansion": 2}
    assert space.extreme(random.Random(0), largest=True) == {
        "stages": [{"width": 8, "blocks": [block] * 2}, {"width": 12, "blocks": [block] * 2}]
    }


def test_the_smallest_bottleneck_has_the_largest_expansion_and_any_operator():
    space, rng = small_space(block="bottleneck"), random.Random(0)
    drawn = [space.extreme(rng, largest=False) for _ in range(50)]
    assert {block["expansion"] for a in drawn for s in a["stages"] for block in s["blocks"]} == {2}
    assert {a["stages"][1]["blocks"][0]["operator"] for a in drawn} == set(space.operators)
    assert {(depth(a), a["stages"][0]["width"]) for a in drawn} == {(2, 4)}


SHRINKABLE = {
    "inverted residual": small_space(),
    "bottleneck": small_space(block="bottleneck"),
    "total depth": small_bossnas(5, depths=((1, 2, 3),) * 3),
}


@pytest.mark.once
class TestShrinking:
    @pytest.mark.parametrize("space", SHRINKABLE.values(), ids=SHRINKABLE)
    def test_each_step_exceeds_the_budget_less_until_nothing_helps(self, space):
        budget = Budget(energy_uj=1e-6, flash=1)
        rng = random.Random(0)
        for _ in range(2):
            architecture, steps = space.sample(rng), 0
            while (smaller := space.shrink(architecture, rng, budget)) is not None:
                check(space, smaller)
                before, after = (
                    sum(budget.excess(space.cost(a, budget)).values())
                    for a in (architecture, smaller)
                )
                assert after < before
                architecture, steps = smaller, steps + 1
            assert 0 < steps < 100

    def test_the_cheapest_cannot_shrink(self):
        space, budget = small_space(), Budget(flash=1)
        least = space.cheapest(budget)["flash"]
        assert space.shrink(least, random.Random(0), budget) is None

    def test_what_keeps_the_budget_does_not_shrink(self):
        space, budget = small_space(), Budget(flash=1e9)
        rng = random.Random(0)
        assert space.shrink(space.sample(rng), rng, budget) is None
