"""A search over a `TranslationSpace`: within a budget, resumed, with the networks it ends with."""

import random

import keras
import numpy as np
import pytest
from small_translation import quick_space, small_space, tokens

import keras_shiftadd as ksa
from keras_shiftadd.tuners import HybridOracle, HybridTuner, TranslationSupernet

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(TranslationSupernet, "table_rows", 32)


def test_architectures_go_to_values_and_back():
    space = small_space()
    rng = random.Random(0)
    for _ in range(20):
        architecture = space.sample(rng)
        assert space.architecture(space.values(architecture)) == architecture


def test_children_are_architectures_of_the_space():
    space = small_space()
    rng = random.Random(0)
    first, second = space.sample(rng), space.sample(rng)
    for _ in range(10):
        assert space.validate(space.mutate(first, rng, 0.2)) != first
        space.validate(space.crossover(first, second, rng))


def test_a_space_is_made_again_from_its_configuration():
    space = small_space()
    again = type(space).from_config(space.get_config())
    assert again.get_config() == space.get_config()


def test_the_cost_is_the_estimate_of_the_network():
    space = small_space()
    budget = ksa.cost.Budget(energy_uj=1.0)
    for seed in range(3):
        architecture = space.sample(random.Random(seed))
        cost = space.cost(architecture, budget)
        counts = ksa.cost.count_operations(space.build(architecture), [(7,), (6,)])
        estimate = budget.estimate(counts)
        assert cost.flash == estimate.flash
        assert cost.energy_uj == pytest.approx(estimate.energy_uj, rel=1e-5)
        # A byte a token of the source, the comparison with padding.
        assert 0 <= estimate.ram - cost.ram <= space.source_length


def test_no_network_is_cheaper_than_the_cheapest():
    operators = ("attention", "attention+conv")
    space = quick_space(encoder_operators=(*operators, "shift_adder"), decoder_operators=operators)
    budget = ksa.cost.Budget(energy_uj=1.0, flash=1, ram=1)
    cheapest = space.cheapest(budget)
    rng = random.Random(0)
    found = [space.cost(space.extreme(rng, largest=False), budget) for _ in range(5)]
    for limit in budget.limits:
        least = getattr(space.cost(cheapest[limit], budget), limit)
        assert all(least <= getattr(cost, limit) * (1 + 1e-9) for cost in found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding_dims": (7,)}, "`embedding_dims` must be even"),
        ({"embedding_dims": (16, 8)}, "`embedding_dims` must hold integers"),
        ({"embedding_dims": (10,), "num_heads": (4,)}, "must be multiples of all `num_heads`"),
        ({"decoder_operators": ("conv",)}, "`decoder_operators` must be one or several"),
        ({"projections": ("adder",)}, "`projections` must be one or several"),
        ({"similarity": "binary_linear"}, "`similarity` must be one of"),
        ({"dropout": 1.0}, "`dropout` must be a number from 0"),
        ({"source_vocabulary_size": 0}, "`source_vocabulary_size` must be a positive integer"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        small_space(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("decoder"), "An architecture must be"),
        (lambda a: a["encoder"][0].update(window=3), "Block 0 of the encoder"),
        (lambda a: a["encoder"][0].pop("operator"), "must say what 'encoder/block_0/operator' is"),
        (lambda a: a.update(embedding_dim=10), "'embedding_dim' must be one of"),
    ],
)
def test_wrong_architectures_are_named(change, message):
    space = small_space()
    architecture = space.sample(random.Random(0))
    change(architecture)
    with pytest.raises(ValueError, match=message):
        space.validate(architecture)


class _Killed(Exception):
    pass


class _Kill(keras.callbacks.Callback):
    """Ends a training in its second epoch, as if the process had died."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise _Killed


def search(folder, callbacks=(), **options):
    space = quick_space(encoder_operators=("attention", "attention+shift_adder"))
    budget = ksa.cost.Budget(
        flash=space.cost(space.extreme(random.Random(0), True), _ANY).flash - 1
    )
    oracle = HybridOracle(
        space, "val_loss", budget, max_trials=5, population_size=3, num_parents=2, seed=1
    )
    tuner = HybridTuner(
        space,
        oracle=oracle,
        batch_size=16,
        calibration_samples=16,
        seed=1,
        directory=folder,
        project_name="search",
        **options,
    )
    x = tokens(32)
    tuner.search(x, x[1], validation_data=(x, x[1]), epochs=2, callbacks=list(callbacks), verbose=0)
    return tuner


_ANY = ksa.cost.Budget(flash=1)


def test_a_killed_search_ends_as_if_it_had_not_been(tmp_path):
    tuner = search(tmp_path / "whole")
    history = tuner.history()
    assert len(history) == 5
    limit = tuner.oracle.budget.flash
    assert all(record["cost"]["flash"] <= limit for record in history)
    with pytest.raises(_Killed):
        search(tmp_path / "killed", [_Kill()])
    assert search(tmp_path / "killed").history() == history


def test_the_best_network_is_trained_on(tmp_path):
    tuner = search(tmp_path)
    x = tokens(32)
    architecture = tuner.best_architectures()[0]
    model = tuner.cut_out(architecture)
    score = tuner.score(architecture, (x, x[1]))
    assert model.evaluate(x, x[1], return_dict=True, verbose=0)["loss"] == pytest.approx(
        score["val_loss"], rel=1e-3
    )
    trained = tuner.retrain(architecture, x, x[1], epochs=2, verbose=0)
    tokens_out = trained.generate(x[0][:2], max_length=5, start_id=1, end_id=2)
    assert tokens_out.shape[0] == 2


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 7), "int32"), np.zeros((4, 6), "int32"), "must be a tuple of two arrays"),
        (tokens(4), np.zeros((4, 6)), "`y` must be an integer array"),
        ((tokens(4)[0], tokens(4)[1] + 9), tokens(4)[1], "must hold tokens from 0 to 12"),
        (tokens(4), tokens(4)[1][:, :-1], "as many tokens as"),
    ],
)
def test_training_data_that_do_not_fit_are_named(tmp_path, x, y, message):
    tuner = HybridTuner(
        quick_space(), budget=ksa.cost.Budget(flash=10**9), directory=tmp_path, project_name="p"
    )
    with pytest.raises(ValueError, match=message):
        tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
