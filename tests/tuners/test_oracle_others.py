"""KerasTuner's own searches work over a HybridSpace."""

import keras
import keras_tuner
import numpy as np
import pytest
from priced_space import little_space, score, tiny_space

from keras_shiftadd.tuners import HybridSpace

pytestmark = pytest.mark.once


def test_random_search_trains_networks_of_the_space(tmp_path, rng):
    space = HybridSpace(
        (8, 8, 2),
        3,
        ("conv", "shift"),
        stem_width=4,
        widths=((4, 8),),
        depths=((1,),),
        strides=(2,),
        attention_stages=0,
    )

    def build(hp):
        model = space.build(space.architecture(hp))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        return model

    tuner = keras_tuner.RandomSearch(
        build,
        objective="val_accuracy",
        max_trials=2,
        seed=1,
        hyperparameters=space.hyperparameters(),
        directory=str(tmp_path),
    )
    x, y = rng.normal(size=(16, 8, 8, 2)).astype("float32"), np.arange(16) % 3
    tuner.search(x, y, validation_data=(x, y), epochs=1, verbose=0)
    best = tuner.get_best_models(1)[0]
    assert best.predict(x, verbose=0).shape == (16, 3)
    tried = [space.architecture(hp) for hp in tuner.get_best_hyperparameters(2)]
    assert len(tried) == 2
    assert tried[0] != tried[1]


@pytest.mark.parametrize(
    ("base", "space", "options"),
    [
        (keras_tuner.RandomSearch, tiny_space(), {"max_trials": 8}),
        # Its steps take seconds where there are many choices.
        (
            keras_tuner.BayesianOptimization,
            little_space(widths=((8, 16, 24),), expansions=(2, 3)),
            {"max_trials": 8, "num_initial_points": 4},
        ),
        (keras_tuner.Hyperband, tiny_space(), {"max_epochs": 4, "factor": 2}),
    ],
)
def test_trials_are_architectures_of_the_space(tmp_path, base, space, options):

    class Tuner(base):
        def run_trial(self, trial, *args, **kwargs):
            architecture = space.architecture(trial.hyperparameters)
            names = set(space.values(architecture))
            assert names <= set(trial.hyperparameters.values)
            return {"score": score(architecture)}

    tuner = Tuner(
        lambda hp: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]),
        objective=keras_tuner.Objective("score", "max"),
        hyperparameters=space.hyperparameters(),
        seed=1,
        directory=str(tmp_path),
        **options,
    )
    tuner.search(verbose=0)
    trials = tuner.oracle.get_best_trials(100)
    assert len(trials) >= 8
    assert {trial.status for trial in trials} == {"COMPLETED"}
    assert trials[0].score > trials[-1].score
