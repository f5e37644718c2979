"""Networks of a space, and that the costs of a space are theirs."""

import random

import keras
import pytest
from small_spaces import small_bossnas, small_space, without_random_weights

import keras_shiftadd as ksa
from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import HybridSpace
from keras_shiftadd.tuners._oracle.enumeration import all_architectures

pytestmark = pytest.mark.once

SPACES = {
    "inverted residual": small_space(),
    "bottleneck": small_space(block="bottleneck", attention_projection="shift"),
    "time series": small_space((9, 2), stem_stride=4, strides=(1, 2)),
    "bossnas": small_bossnas(5),
}
LAYERS = {
    "conv": (keras.layers.Conv2D, keras.layers.DepthwiseConv2D),
    "shift": (ksa.layers.ShiftConv2D, ksa.layers.ShiftDepthwiseConv2D),
    "adder": (ksa.layers.AdderConv2D, ksa.layers.AdderDepthwiseConv2D),
    "attention": (ksa.layers.HybridAttention,),
}


def is_close(found, wanted):
    """Equal but for the rounding of sums, or both unknown."""
    return found is wanted is None or found == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", SPACES)
def test_the_cost_of_an_architecture_is_that_of_its_network(name):
    space, rng = without_random_weights(SPACES[name]), random.Random(1)
    budgets = [Budget(flash=1, target=target) for target in ksa.cost.HARDWARE]
    budgets.append(Budget(flash=1, bits=32, accounting="paper"))
    for _ in range(5):
        architecture = space.sample(rng)
        counts = ksa.cost.count_operations(space.build(architecture))
        # Of attention the softmax has no price.
        assert all("softmax" in missing.reason for missing in counts.not_counted)
        for budget in budgets:
            found, wanted = space.cost(architecture, budget), budget.estimate(counts)
            assert (found.flash, found.ram) == (wanted.flash, wanted.ram)
            for quantity in ("energy_uj", "instructions"):
                assert is_close(getattr(found, quantity), getattr(wanted, quantity))


def test_parts_are_counted_once_for_all_budgets_and_places():
    space = small_space(operators=("conv",), kernel_sizes=(3,), expansions=(1,))
    architecture = space.extreme(random.Random(0), largest=True)
    space.cost(architecture, Budget(flash=1))
    known = dict(space._costs._counts)
    space.cost(architecture, Budget(instructions=1, target="cortex-m4"))
    assert space._costs._counts == known


def test_a_cost_asks_for_an_architecture_of_the_space():
    with pytest.raises(ValueError, match="must be a dictionary"):
        small_space().cost({}, Budget(flash=1))


ENUMERATED = {
    "windows": small_space(
        expansions=(2,), widths=((4, 8), (8,)), operators=("conv", "shift", "attention")
    ),
    "expansions": small_space(kernel_sizes=(3,), operators=("conv", "adder")),
    "bottleneck": small_space(
        kernel_sizes=(3,), block="bottleneck", operators=("shift", "attention")
    ),
    "total depth": small_space(kernel_sizes=(3,), operators=("conv", "adder"), total_depth=3),
}


@pytest.mark.parametrize("name", ENUMERATED)
def test_no_architecture_costs_less_than_the_cheapest(name):
    space = ENUMERATED[name]
    everything = all_architectures(space, 3000)
    budgets = [
        Budget(energy_uj=1, flash=1, ram=1),
        Budget(instructions=1, target="cortex-m0"),
    ]
    for budget in budgets:
        costs = [space.cost(architecture, budget) for architecture in everything]
        cheapest = space.cheapest(budget)
        assert set(cheapest) == set(budget.limits)
        for limit, architecture in cheapest.items():
            least = getattr(space.cost(architecture, budget), limit)
            assert least <= min(getattr(cost, limit) for cost in costs) * (1 + 1e-9)


def test_the_cheapest_is_an_architecture_of_the_preset_bossnas():
    space = HybridSpace((64, 64, 3), 10, preset="bossnas")
    cheapest = space.cheapest(Budget(flash=1))["flash"]
    assert len(space.plan(cheapest)) == 16
    # Filters of the last stage have most weights.
    assert [len(stage["blocks"]) for stage in cheapest["stages"]] == [13, 1, 1, 1]


def operators_of(model, plan):
    """The layers of a block."""
    return [layer for layer in model.layers if layer.name.startswith(f"{plan.name}_")]


@pytest.mark.parametrize("name", SPACES)
def test_a_network_has_the_layers_that_its_architecture_says(name):
    space, rng = without_random_weights(SPACES[name]), random.Random(2)
    seen = set()
    while seen != set(LAYERS):
        architecture = space.sample(rng)
        model = space.build(architecture)
        assert model.output_shape == (None, 3)
        for plan in space.plan(architecture):
            layers = operators_of(model, plan)
            kinds = {o for o, kind in LAYERS.items() if any(type(x) in kind for x in layers)}
            # Attention stands beside convolutions: for positions, and around it in a bottleneck.
            assert kinds - ({"conv"} if plan.operator == "attention" else set()) == {plan.operator}
            assert layers[-1].output.shape[-1] == plan.width
            seen.add(plan.operator)


def test_stem_and_classifier_multiply():
    space = without_random_weights(small_space(operators=("adder",)))
    model = space.build(space.sample(random.Random(0)))
    assert type(model.get_layer("stem_conv")) is keras.layers.Conv2D
    assert type(model.get_layer("head_classifier")) is keras.layers.Dense
