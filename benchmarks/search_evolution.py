"""A supernet, an evolution under each energy budget, and the winners trained from scratch."""

import json
import random
import tempfile
import time
from typing import Any

import keras
import keras_tuner
import numpy as np
import search_data
from search_training import (
    accuracy,
    calibration_samples,
    train_alone,
    train_supernet,
)

import keras_shiftadd as ksa

# Small, so that a search takes two minutes on two cores.
CHOICES: dict[str, Any] = {
    "widths": ((16, 24), (24, 32), (32, 48)),
    "depths": ((1,), (1, 2), (1, 2)),
    "kernel_sizes": (3, 5),
    "expansions": (2, 3),
}


class Scorer(keras_tuner.Tuner):
    """Runs the trials of an oracle: scores each with the weights of the supernet, once."""

    def __init__(self, oracle: Any, score: Any, directory: str) -> None:
        super().__init__(oracle, directory=directory, project_name="search")
        self.score = score

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The score of a trial."""
        return {"val_accuracy": self.score(self.oracle.space.architecture(trial.hyperparameters))}

    def save_model(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the weights are those of the supernet."""

    def load_model(self, trial: Any) -> None:
        """Nothing, see above."""


def spaces_of(data: search_data.Data, operators: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The spaces, which differ in their operators."""
    return {
        name: ksa.tuners.HybridSpace(data.shape, data.classes, chosen, **CHOICES)
        for name, chosen in operators.items()
    }


def limits_of(spaces: dict[str, Any], count: int, target: str) -> list[float]:
    """Energies between the cheapest network that each space has and a large one, in µJ."""
    budget = ksa.cost.Budget(energy_uj=1.0, target=target)
    cheapest = max(
        space.cost(space.cheapest(budget)["energy_uj"], budget).energy_uj
        for space in spaces.values()
    )
    space, rng = spaces["conv"], random.Random(0)
    largest = space.cost(space.extreme(rng, largest=True), budget).energy_uj
    return [float(f"{x:.4g}") for x in np.geomspace(1.15 * cheapest, 0.7 * largest, count)]


def search(
    space: Any, data: search_data.Data, limits: list[float], seed: int, options: Any
) -> dict[str, Any]:
    """Trains a supernet, searches under each limit and trains the winners."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    supernet = ksa.tuners.Supernet(space, seed=seed)
    train_supernet(supernet, data, options.epochs, seed)
    trained = time.perf_counter()
    x, known = calibration_samples(data), {}

    def score(architecture: Any) -> float:
        key = json.dumps(architecture)
        if key not in known:
            supernet.select(architecture)
            supernet.calibrate(x)
            known[key] = accuracy(supernet, data.x_val, data.y_val)
        return known[key]

    winners = []
    for limit in limits:
        oracle = ksa.tuners.HybridOracle(
            space,
            "val_accuracy",
            ksa.cost.Budget(energy_uj=limit, target=options.target),
            max_trials=options.trials,
            population_size=max(4, options.trials // 3),
            num_parents=max(2, options.trials // 10),
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            scorer = Scorer(oracle, score, folder)
            scorer.search(verbose=0)
            best = scorer.oracle.get_best_trials(1)[0]
        winners.append((space.architecture(best.hyperparameters), best.score))
    searched = time.perf_counter()
    results = []
    for limit, (architecture, inherited) in zip(limits, winners, strict=True):
        keras.utils.set_random_seed(seed)
        model = space.build(architecture)
        price = ksa.cost.Budget(energy_uj=limit, target=options.target)
        train_alone(model, data, options.alone_epochs, seed)
        results.append(
            {
                "limit": limit,
                "energy_uj": space.cost(architecture, price).energy_uj,
                "inherited_validation": inherited,
                "validation": accuracy(model, data.x_val, data.y_val),
                "test": accuracy(model, data.x_test, data.y_test),
                "architecture": architecture,
            }
        )
    return {
        "results": results,
        "networks_scored": len(known),
        "supernet_seconds": trained - start,
        "search_seconds": searched - trained,
        "train_seconds": time.perf_counter() - searched,
    }
