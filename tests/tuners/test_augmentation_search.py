"""A search of HybridTuner over an AugmentationSpace: its trials, its end and its restart."""

import keras
import keras_tuner
import numpy as np
import pytest
from test_augmentation_supernet import Quick, numbers, smallest_space

import keras_shiftadd as ksa
from keras_shiftadd.tuners import AugmentationSpace, HybridOracle, HybridTuner, Supernet

# Another compiled supernet takes long on TensorFlow and JAX, and shows nothing new there.
compiles_again = pytest.mark.once


def space_of():
    tiny = smallest_space().tiny
    return AugmentationSpace(tiny, (1.5, 2.5), (1.0, 1.6), first_stage_trials=2)


def data(count=32, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = rng.normal(size=(count, 6, 6, 2)).astype("float32")
    x[np.arange(count), :, :, 0] += 2.0 * y[:, None, None]
    return x, y


def make_tuner(folder, **options):
    space = space_of()
    oracle = HybridOracle(
        space,
        keras_tuner.Objective("val_loss", "min"),
        ksa.cost.Budget(flash=10_000),
        max_trials=5,
        population_size=2,
        num_parents=1,
        seed=1,
    )
    keras.utils.set_random_seed(1)
    supernet = Quick(
        space,
        random_networks=0,
        fine_tuning_steps=2,
        fine_tuning_batch_size=8,
        fine_tuning_rate=0.1,
        seed=1,
    )
    return HybridTuner(
        space,
        oracle=oracle,
        supernet=options.pop("supernet", supernet),
        batch_size=16,
        calibration_samples=16,
        seed=1,
        directory=folder,
        project_name="search",
        **options,
    )


def search(tuner):
    tuner.search(*data(), validation_data=data(16, seed=1), epochs=1, verbose=0)
    return tuner


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return search(make_tuner(tmp_path_factory.mktemp("augmentation")))


def test_all_trials_are_scored_in_two_stages(searched):
    space, history = searched.space, searched.history()
    assert [record["status"] for record in history] == ["COMPLETED"] * 5
    tiny = [space.tiny_architecture(record["architecture"]) for record in history]
    assert tiny[0] == tiny[1]
    best = min(history[:2], key=lambda record: record["score"])["architecture"]
    widening = space.widening(best)
    assert all(space.widening(record["architecture"]) == widening for record in history[2:])


def test_costs_are_those_of_the_tiny_networks(searched):
    record = searched.history()[0]
    wanted = ksa.cost.estimate(searched.space.build(record["architecture"]))
    assert record["cost"]["flash"] == wanted.flash


def test_the_best_model_scores_what_its_trial_scored(searched):
    best = searched.oracle.get_best_trials(1)[0]
    found = searched.get_best_models(1)[0].evaluate(*data(16, seed=1), verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(best.score, rel=1e-4)


def test_retraining_augments_and_returns_the_tiny_network(searched):
    architecture = searched.best_architectures(1)[0]
    model = searched.retrain(architecture, *data(), epochs=1, inherit=False, verbose=0)
    plain = searched.space.build(architecture)
    assert type(model) is type(plain)
    assert [v.path for v in model.variables] == [v.path for v in plain.variables]
    assert [v.shape for v in model.variables] == [v.shape for v in plain.variables]
    assert np.all(np.isfinite(model.history.history["augmented_loss"]))


@compiles_again
def test_an_augmentation_of_your_own_takes_the_place_of_the_usual_one(searched):
    architecture = searched.best_architectures(1)[0]
    own = ksa.callbacks.HybridAugmentation((2.0,), operator="own")
    model = searched.retrain(
        architecture, *data(), epochs=1, inherit=False, callbacks=[own], verbose=0
    )
    assert "with extra ones" in own.describe()
    assert "augmented_loss" in model.history.history


@compiles_again
def test_retraining_starts_from_the_weights_of_the_trial(searched):
    architecture = searched.best_architectures(1)[0]
    frozen = keras.optimizers.SGD(0.0)
    model = searched.retrain(architecture, *data(), epochs=1, optimizer=frozen, verbose=0)
    wanted = searched.cut_out(architecture)
    for one, two in zip(model.trainable_variables, wanted.trainable_variables, strict=True):
        np.testing.assert_allclose(numbers(one), numbers(two), rtol=1e-5, atol=1e-6)


@compiles_again
def test_a_new_process_gives_the_best_model_without_a_search(searched):
    best = make_tuner(searched.directory).get_best_models(1)[0]
    x = data(16, seed=2)[0]
    wanted = searched.get_best_models(1)[0].predict(x, verbose=0)
    np.testing.assert_allclose(best.predict(x, verbose=0), wanted, rtol=1e-4, atol=1e-5)


@compiles_again
def test_a_search_that_was_interrupted_ends_as_if_it_had_not_been(searched, tmp_path):
    tuner = make_tuner(tmp_path)
    run_trial, runs = tuner.run_trial, []

    def interrupted(trial, *arguments, **keywords):
        runs.append(trial.trial_id)
        if len(runs) == 4:
            raise KeyboardInterrupt
        return run_trial(trial, *arguments, **keywords)

    tuner.run_trial = interrupted
    with pytest.raises(KeyboardInterrupt):
        search(tuner)
    again = search(make_tuner(tmp_path))
    found, wanted = again.history(), searched.history()
    assert [r["architecture"] for r in found] == [r["architecture"] for r in wanted]
    for one, two in zip(found, wanted, strict=True):
        assert one["score"] == pytest.approx(two["score"], rel=1e-4)


@compiles_again
def test_data_sets_of_batches_are_searched_as_well(tmp_path):
    import torch

    x, y = (torch.from_numpy(array) for array in data())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=16)
    tuner = make_tuner(tmp_path)
    tuner.search(loader, validation_data=data(16, seed=1), epochs=1, verbose=0)
    assert [record["status"] for record in tuner.history()] == ["COMPLETED"] * 5


def test_a_supernet_that_knows_no_factors_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`supernet` must be an AugmentationSupernet"):
        make_tuner(tmp_path, supernet=Supernet(space_of(), seed=1))
