"""The two stages of a search over an AugmentationSpace."""

import json

import keras_tuner
import pytest
from priced_space import tiny_space
from test_oracle import OBJECTIVE, run

from keras_shiftadd.cost import Budget
from keras_shiftadd.tuners import AugmentationSpace, HybridOracle

pytestmark = pytest.mark.once


def space_of(trials=12, **arguments):
    tiny = tiny_space(operators=("shift", "adder"))
    return AugmentationSpace(tiny, (2.2, 2.8, 3.2), (1.0, 1.6), None, trials, **arguments)


def score(architecture):
    """Best with the factor 2.8 everywhere, and with many shift layers."""
    blocks = [block for stage in architecture["stages"] for block in stage["blocks"]]
    shifts = sum(block["operator"] == "shift" for block in blocks)
    off = sum(abs(stage["width_multiple"] - 2.8) for stage in architecture["stages"])
    return float(shifts - 3.0 * off)


@pytest.fixture
def make(tmp_path):
    def make_oracle(space, budget=None, project="project", **options):
        settings = {"max_trials": 30, "population_size": 8, "num_parents": 3, "seed": 1, **options}
        oracle = HybridOracle(space, OBJECTIVE, budget, **settings)
        oracle._set_project_dir(str(tmp_path), project)
        oracle.verbose = 0
        return oracle

    return make_oracle


def tiny_part(space, record):
    return json.dumps(space.tiny_architecture(record["architecture"]), sort_keys=True)


def test_the_first_stage_has_one_tiny_network_and_the_second_one_widening(make):
    space = space_of()
    oracle = make(space)
    run(oracle, scored=score)
    history = oracle.history()
    first, second = history[:12], history[12:]
    assert len({tiny_part(space, record) for record in first}) == 1
    assert len({tiny_part(space, record) for record in second}) == len(second)
    best = max(first, key=lambda record: record["score"])
    wanted = space.widening(best["architecture"])
    for record in second:
        found = space.widening(record["architecture"])
        assert all(found[name] == wanted[name] for name in set(found) & set(wanted))


def test_both_stages_evolve(make):
    oracle = make(space_of())
    run(oracle, scored=score)
    origins = [record["origin"] for record in oracle.history()]
    assert origins[:6] == ["random"] * 6
    assert set(origins[6:12]) - {"random"}
    assert origins[12:20] == ["random"] * 8
    assert set(origins[20:]) - {"random"}


def test_children_come_from_trials_of_their_stage_or_with_its_factors(make):
    space = space_of()
    oracle = make(space, crossover_share=1.0, restart_share=0.0)
    run(oracle, scored=score)
    records = {record["trial_id"]: record for record in oracle.history()}
    for record in list(records.values())[12:]:
        for parent in record["parents"]:
            one, two = (
                space.widening(records[i]["architecture"]) for i in (parent, record["trial_id"])
            )
            assert all(
                one[name] == two[name] for name in set(one) & set(two) if "block" not in name
            )


def test_the_budget_counts_the_tiny_network_in_both_stages(make):
    space, budget = space_of(), Budget(energy_uj=20.0)
    oracle = make(space, budget)
    run(oracle, scored=score)
    history = oracle.history()
    assert len({tiny_part(space, record) for record in history[:12]}) == 1
    assert all(record["cost"]["energy_uj"] <= 20.0 for record in history)


def test_a_reference_is_the_tiny_network_of_the_first_stage(make):
    space = space_of()
    reference = space.tiny.cheapest(Budget(flash=1))["flash"]
    space = space_of(4)
    config = {**space.get_config(), "reference": reference}
    space = AugmentationSpace(space.tiny, **{k: v for k, v in config.items() if k != "tiny"})
    oracle = make(space)
    run(oracle, scored=score, trials=4)
    wanted = json.dumps(reference, sort_keys=True)
    assert {tiny_part(space, record) for record in oracle.history()[:4]} == {wanted}


def test_a_reference_above_the_budget_is_refused_with_both_numbers():
    space = space_of()
    largest = {
        "stages": [
            {
                "width": widths[-1],
                "blocks": [{"operator": "adder", "kernel_size": 5, "expansion": 4}] * depths[-1],
            }
            for widths, depths in zip(space.tiny.widths, space.tiny.depths, strict=True)
        ]
    }
    space = AugmentationSpace(space.tiny, reference=largest)
    with pytest.raises(ValueError, match=r"`reference` .* within the budget.*where at most 20"):
        HybridOracle(space, keras_tuner.Objective("score", "max"), Budget(energy_uj=20.0))


def test_without_further_factors_the_second_stage_begins_earlier(make):
    tiny = tiny_space(operators=("shift", "adder"), depths=((1,), (1,), (1,)))
    space = AugmentationSpace(tiny, (2.0, 3.0), (1.0,), first_stage_trials=20)
    oracle = make(space)
    run(oracle, scored=score)
    parts = [tiny_part(space, record) for record in oracle.history()]
    assert len(parts) == 30
    assert len(set(parts[:8])) == 1
    assert len(set(parts[8:])) == 22


def test_a_search_of_two_stages_that_is_started_again_proposes_the_same(make):
    oracle = make(space_of())
    run(oracle, scored=score)
    first = make(space_of(), project="killed")
    run(first, scored=score, trials=15)
    first.save()
    again = make(space_of(), project="killed")
    again.reload()
    run(again, scored=score)
    assert again.history() == oracle.history()
