"""Budgets."""

import keras
import numpy as np
import pytest

from keras_shiftadd.cost import Budget, Cost, estimate, hardware


@pytest.fixture(scope="module")
def model():
    layer = keras.layers.Dense(4, kernel_initializer="ones")
    return keras.Sequential([keras.Input((8,)), layer])


def test_budget_estimates_on_its_own_target(model):
    assert Budget(ram=100, target="rv32i").estimate(model) == estimate(model, "rv32i")
    budget = Budget(energy_uj=1, bits=32, accounting="paper")
    assert budget.estimate(model) == estimate(model, bits=32, accounting="paper")


def test_limits_are_those_that_are_set():
    assert Budget(flash=100, energy_uj=2.5).limits == {"energy_uj": 2.5, "flash": 100}


def test_limits_of_numpy_are_kept_as_those_of_python():
    limits = Budget(flash=np.int64(100), energy_uj=np.float32(2.5)).limits
    assert [(type(v), v) for v in limits.values()] == [(float, 2.5), (int, 100)]


def test_cost_at_the_limit_is_allowed():
    cost = Cost(energy_uj=2.0, instructions=None, flash=100, ram=10)
    assert Budget(energy_uj=2.0, flash=100, ram=10).allows(cost)


def test_excess_names_each_limit_that_is_not_kept_and_by_how_much():
    cost = Cost(energy_uj=3.0, instructions=None, flash=100, ram=10)
    budget = Budget(energy_uj=2.0, flash=100, ram=5)
    assert budget.excess(cost) == {"energy_uj": 1.5, "ram": 2.0}
    assert not budget.allows(cost)


def test_budgets_of_equal_limits_are_equal_and_serve_as_keys():
    assert {Budget(ram=5): 1}[Budget(ram=5)] == 1
    assert Budget(ram=5) != Budget(ram=5, target="rv32i")


def test_budget_takes_a_hardware(model):
    budget = Budget(instructions=1e6, target=hardware("rv32i"))
    assert budget.estimate(model) == estimate(model, "rv32i")


def test_budget_without_a_limit_is_refused():
    with pytest.raises(ValueError, match=r"at least one limit.*energy_uj=.*ram="):
        Budget(target="rv32i")


@pytest.mark.parametrize("name", ["energy_uj", "flash", "ram"])
@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), "12", True])
def test_limit_that_is_no_positive_number_is_refused(name, limit):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive number"):
        Budget(**{name: limit})


def test_instructions_on_a_target_of_energies_name_those_that_count_them():
    with pytest.raises(ValueError, match=r"'asic-45nm'.*cortex-m4, cortex-m0, rv32i"):
        Budget(instructions=1e6)


def test_energy_on_a_processor_names_the_targets_that_have_it():
    with pytest.raises(ValueError, match=r"'rv32i'.*asic-45nm"):
        Budget(energy_uj=1.0, target="rv32i")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "abacus"}, "`target` must be one of asic-45nm"),
        ({"bits": 7}, "`bits` must be 8, 16 or 32"),
        ({"bits": 16, "target": "fpga-zc706"}, "`bits` must be 8 or 32"),
        ({"bits": 16, "target": "rv32i"}, "`bits` must be 8 for target 'rv32i'"),
        ({"accounting": "mine"}, "'fair' or 'paper'"),
        ({"accounting": "paper", "target": "rv32i"}, "accounting='paper'"),
    ],
)
def test_what_the_target_does_not_have_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Budget(ram=100, **arguments)


def test_cost_of_another_target_is_refused():
    cost = Cost(energy_uj=None, instructions=10.0, flash=1, ram=1)
    with pytest.raises(ValueError, match="energy_uj"):
        Budget(energy_uj=1.0).allows(cost)


class TestSequence:
    def test_adds_up_but_takes_the_most_ram(self):
        parts = [Cost(1.0, 10.0, 100, 7), Cost(2.0, 20.0, 200, 9), Cost(3.0, 30.0, 300, 8)]
        assert Cost.sequence(parts) == Cost(6.0, 60.0, 600, 9)

    def test_keeps_what_is_not_known(self):
        part = Cost(None, 10.0, 100, 7)
        assert Cost.sequence(iter([part, part])) == Cost(None, 20.0, 200, 7)

    def test_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="at least one"):
            Cost.sequence([])

    def test_of_two_targets_is_refused(self):
        with pytest.raises(ValueError, match="one target"):
            Cost.sequence([Cost(1.0, None, 1, 1), Cost(None, 1.0, 1, 1)])
