"""No architecture above the budget becomes a trial."""

import random

import keras_tuner
import pytest
from priced_space import score, tiny_space

from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import HybridOracle, HybridSpace
from keras_shiftadd.tuners._oracle.arguments import check_strategy
from keras_shiftadd.tuners._oracle.evolution import Result
from keras_shiftadd.tuners._oracle.proposals import Proposals

OBJECTIVE = keras_tuner.Objective("score", "max")
BUDGETS = {"energy": Budget(energy_uj=14.0), "flash and ram": Budget(flash=9_000, ram=1_000)}


def space_of_two_stages():
    """Some hundred thousand architectures."""
    return tiny_space(widths=((8, 16, 24), (16, 24, 32)), depths=((1, 2), (1, 2)), strides=(2, 2))


def run_to_the_end(oracle, folder):
    oracle._set_project_dir(str(folder), "project")
    oracle.verbose = 0
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        oracle.update_trial(trial.trial_id, {"score": 1.0})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)


@pytest.mark.once
@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize(
    ("method", "draws"), [("evolution", 3000), ("regularized_evolution", 1500), ("random", 500)]
)
def test_every_one_of_10_000_proposals_keeps_the_budget(budget, method, draws):
    space = space_of_two_stages()
    strategy = check_strategy(method, 40, 10, None, 5, 0.2, 0.5, 0.2, 0.5)
    proposals = Proposals(space, budget, strategy)
    results, origins = [], set()
    for i in range(draws):
        trial_id = str(i)
        values = proposals.propose(trial_id, 1, i, results)
        architecture = space.architecture(values)
        assert not budget.excess(space.cost(architecture, budget))
        origins.add(proposals.record(trial_id)["origin"])
        # The latest ones: what is in the population does not matter here.
        results = [*results[-60:], Result(trial_id, architecture, -score(architecture))]
    assert len(results) == 61
    children = {"mutation", "crossover", "restart"}
    assert origins == ({"random"} if method == "random" else {"random", *children})


@pytest.mark.once
def test_most_random_architectures_are_above_these_budgets():
    space, rng = space_of_two_stages(), random.Random(0)
    for budget in BUDGETS.values():
        drawn = [space.cost(space.sample(rng), budget) for _ in range(200)]
        assert sum(budget.allows(cost) for cost in drawn) < 100


def test_trials_of_a_space_of_networks_keep_the_budget(tmp_path):
    space = HybridSpace(
        (12, 12, 2),
        3,
        ("conv", "shift"),
        stem_width=4,
        widths=((4, 8),),
        depths=((1,),),
        strides=(2,),
        kernel_sizes=(3,),
        expansions=(1, 2),
        attention_stages=0,
    )
    budget = Budget(energy_uj=0.21)
    oracle = HybridOracle(space, OBJECTIVE, budget, population_size=2, num_parents=2)
    run_to_the_end(oracle, tmp_path)
    for record in oracle.history():
        cost = budget.estimate(space.build(record["architecture"]))
        assert budget.allows(cost)
        assert cost.energy_uj == pytest.approx(record["cost"]["energy_uj"])
    # The space has eight, some of them above the budget.
    assert 2 < len(oracle.trials) < 8


@pytest.mark.once
def test_a_tight_budget_is_searched_to_its_end(tmp_path):
    # The architecture that costs least, and those that need a little more: far too few to draw.
    space = tiny_space()
    least = space.cost(space.cheapest(Budget(flash=1))["flash"], None).flash
    oracle = HybridOracle(space, OBJECTIVE, Budget(flash=least), population_size=5, num_parents=3)
    run_to_the_end(oracle, tmp_path)
    # Three blocks that choose one of three operators.
    assert len(oracle.trials) == 3**3


@pytest.mark.once
class TestImpossible:
    def make(self, **limits):
        return HybridOracle(tiny_space(), OBJECTIVE, Budget(**limits))

    def test_an_impossible_budget_is_refused_with_the_cost_of_the_cheapest(self):
        with pytest.raises(ValueError, match="`budget` must allow at least one") as refused:
            self.make(energy_uj=0.001, flash=50_000)
        space = tiny_space()
        budget = Budget(energy_uj=0.001)
        least = space.cost(space.cheapest(budget)["energy_uj"], budget).energy_uj
        message = str(refused.value)
        assert (
            f"energy_uj at most 0.001, where the cheapest architecture needs {least:g}" in message
        )
        assert "energy_uj cannot be met" in message
        assert "flash cannot be met" not in message

    def test_limits_that_exclude_each_other_are_refused(self, monkeypatch):
        # Only conv saves flash and only shift saves energy: no architecture saves both.
        def cost(self, architecture, budget):
            blocks = [b for stage in architecture["stages"] for b in stage["blocks"]]
            conv = sum(block["operator"] == "conv" for block in blocks) / len(blocks)
            priced = original(self, architecture, budget)
            return type(priced)(1.0 + conv, None, round(1000 * (2 - conv)), 1)

        space_class = type(tiny_space())
        original = space_class.cost
        monkeypatch.setattr(space_class, "cost", cost)
        monkeypatch.setattr(space_class, "cheapest", self.cheapest)
        with pytest.raises(ValueError, match="could be made to meet all limits together"):
            self.make(energy_uj=1.4, flash=1400)

    @staticmethod
    def cheapest(space, budget):
        rng = random.Random(0)
        drawn = [space.sample(rng) for _ in range(2000)]
        return {
            limit: min(drawn, key=lambda a: getattr(space.cost(a, budget), limit))
            for limit in budget.limits
        }
