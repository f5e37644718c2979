"""HybridTuner: a search with a supernet, its results, and what it refuses."""

import random

import keras
import numpy as np
import pytest
from search_program import data, make_tuner, space

import keras_shiftadd as ksa

# Another compiled supernet takes half a minute on TensorFlow and JAX, and shows nothing new there.
compiles_again = pytest.mark.once


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A tuner that has searched."""
    keras.utils.set_random_seed(1)
    tuner = make_tuner(tmp_path_factory.mktemp("searched"), tensorboard=True)
    x, y = data()
    tuner.search(x, y, validation_data=data(48, seed=1), epochs=np.int64(4), verbose=0)
    return tuner


def test_search_scores_all_trials(searched):
    history = searched.history()
    assert len(history) == 8
    assert all(record["status"] == "COMPLETED" for record in history)
    assert all(0 <= record["score"] <= 1 for record in history)


def test_search_beats_chance(searched):
    assert max(record["score"] for record in searched.history()) > 0.4


def test_trials_are_within_the_budget(searched):
    assert all(record["cost"]["flash"] <= 900 for record in searched.history())


def test_best_model_scores_what_its_trial_scored(searched):
    best = searched.oracle.get_best_trials(1)[0]
    found = searched.get_best_models(1)[0].evaluate(*data(48, seed=1), verbose=0, return_dict=True)
    assert found["accuracy"] == pytest.approx(best.score, abs=1e-6)


def test_best_model_is_made_of_plain_layers(searched):
    model = searched.get_best_models(1)[0]
    rooms = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert rooms <= {"keras", "keras_shiftadd"}
    assert not any("supernet" in type(layer).__module__ for layer in model.layers)


def test_best_hyperparameters_make_the_best_architecture(searched):
    best = searched.get_best_hyperparameters(1)[0]
    assert searched.space.architecture(best) == searched.best_architectures(1)[0]


def test_results_summary_names_the_objective(searched, capsys):
    searched.results_summary(1)
    assert "val_accuracy" in capsys.readouterr().out


def test_pareto_front_is_a_part_of_the_history(searched):
    front = searched.pareto_front("flash")
    assert front
    assert all(record in searched.history() for record in front)


def test_tensorboard_gets_scores(searched):
    pytest.importorskip("tensorboard", reason="needs TensorBoard: pip install tensorboard")
    folder = searched.project_dir + "/tensorboard"
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_multiplexer")
    events = loader.EventMultiplexer().AddRunsFromDirectory(folder).Reload()
    (run,) = events.Runs()
    assert len(events.Tensors(run, "search/val_accuracy")) == 8
    assert len(events.Tensors(run, "search/flash")) == 8


@compiles_again
def test_a_second_search_of_the_project_trains_nothing(searched, tmp_path):
    again = make_tuner(searched.directory)
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    x, y = data()
    again.search(x, y, validation_data=data(48, seed=1), epochs=4, callbacks=[note], verbose=0)
    assert epochs == []
    assert again.history() == searched.history()


@compiles_again
def test_a_new_process_gives_the_best_models_without_a_search(searched):
    best = make_tuner(searched.directory).get_best_models(1)[0]
    x = data(16, seed=2)[0]
    wanted = searched.get_best_models(1)[0].predict(x, verbose=0)
    np.testing.assert_allclose(best.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)


@compiles_again
def test_retraining_starts_from_the_inherited_weights(searched):
    architecture = searched.best_architectures(1)[0]
    x, y = data()
    frozen = keras.optimizers.SGD(0.0)
    model = searched.retrain(architecture, x, y, epochs=1, optimizer=frozen, verbose=0)
    wanted = searched.cut_out(architecture)
    for found, kernel in zip(model.trainable_weights, wanted.trainable_weights, strict=True):
        np.testing.assert_array_equal(_numbers(found), _numbers(kernel))


@compiles_again
def test_retraining_from_scratch_starts_elsewhere(searched):
    architecture = searched.best_architectures(1)[0]
    x, y = data()
    frozen = keras.optimizers.SGD(0.0)
    model = searched.retrain(
        architecture, x, y, epochs=1, optimizer=frozen, inherit=False, verbose=0
    )
    stem = _numbers(model.get_layer("stem_conv").kernel)
    assert np.abs(stem - _numbers(searched.supernet.stem.kernels[0])).max() > 0.01


@compiles_again
def test_retraining_estimates_statistics_anew(searched):
    architecture = searched.best_architectures(1)[0]
    x, y = data(64)
    model = searched.retrain(architecture, x, y, epochs=1, verbose=0)
    before = keras.Model(model.inputs, model.get_layer("stem_conv").output)
    mean = before.predict(x, verbose=0).mean(axis=(0, 1, 2))
    found = _numbers(model.get_layer("stem_norm").moving_mean)
    np.testing.assert_allclose(found, mean, rtol=1e-4, atol=1e-5)


def test_another_number_of_epochs_is_refused(searched):
    x, y = data()
    with pytest.raises(ValueError, match="`epochs` must be 4"):
        make_tuner(searched.directory).search(
            x, y, validation_data=data(48, seed=1), epochs=5, verbose=0
        )


def test_another_supernet_is_refused(searched):
    other = ksa.tuners.Supernet(space(), weight_sharing="gain", seed=1)
    x, y = data()
    with pytest.raises(ValueError, match="These differ: weight_sharing"):
        make_tuner(searched.directory, supernet=other).search(
            x, y, validation_data=data(48, seed=1), epochs=4, verbose=0
        )


def test_missing_validation_data_are_named(tmp_path):
    x, y = data()
    with pytest.raises(ValueError, match="validation_data=None"):
        make_tuner(tmp_path).search(x, y, epochs=1, verbose=0)


def test_samples_of_another_shape_are_refused(tmp_path):
    x, y = data()
    with pytest.raises(ValueError, match=r"\(12, 3\). Received: \(11, 3\)"):
        make_tuner(tmp_path).search(x[:, 1:], y, validation_data=(x, y), epochs=1, verbose=0)


def test_samples_that_are_not_numbers_are_refused(tmp_path):
    x, y = data()
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite numbers"):
        make_tuner(tmp_path).search(x, y, validation_data=(x, y), epochs=1, verbose=0)


def test_as_many_targets_as_samples_are_needed(tmp_path):
    x, y = data()
    with pytest.raises(ValueError, match="96 samples, 95 targets"):
        make_tuner(tmp_path).search(x, y[1:], validation_data=(x, y), epochs=1, verbose=0)


def test_results_before_a_search_say_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="Call `search`"):
        make_tuner(tmp_path).score(space().sample(random.Random(0)), data())


def test_an_impossible_budget_is_an_immediate_error(tmp_path):
    with pytest.raises(ValueError, match="flash"):
        ksa.tuners.HybridTuner(space(), budget=ksa.cost.Budget(flash=10), directory=tmp_path)


def test_a_budget_beside_an_own_oracle_is_refused(tmp_path):
    oracle = ksa.tuners.HybridOracle(space(), "val_accuracy", max_trials=2)
    with pytest.raises(ValueError, match="to the oracle"):
        ksa.tuners.HybridTuner(
            space(), oracle=oracle, budget=ksa.cost.Budget(flash=10**6), directory=tmp_path
        )


def _numbers(variable):
    return keras.ops.convert_to_numpy(variable)
