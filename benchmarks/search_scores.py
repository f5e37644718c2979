"""Scores of sub-networks: trained alone, and with the weights of a supernet."""

import random
import time
from typing import Any

import keras
import search_data
from search_training import (
    accuracy,
    calibration_samples,
    train_alone,
    train_supernet,
)

import keras_shiftadd as ksa

OPERATORS = ("conv", "shift", "adder")


# Networks that are small enough for their size to matter, by the name of the option.
SPACES: dict[str, dict[str, Any]] = {
    "small": {
        "widths": ((4, 8, 16), (8, 16, 24), (8, 16, 32)),
        "depths": ((1,), (1, 2), (1, 2)),
        "kernel_sizes": (3, 5),
        "expansions": (1, 2, 3),
        "stem_width": 8,
    },
    "tiny": {},
}


def space_of(data: search_data.Data, name: str) -> Any:
    """The space that all forms share."""
    return ksa.tuners.HybridSpace(data.shape, data.classes, OPERATORS, **SPACES[name])


def draw(space: Any, count: int) -> list[Any]:
    """Random sub-networks, each once."""
    rng, drawn = random.Random(0), []
    while len(drawn) < count:
        architecture = space.sample(rng)
        if architecture not in drawn:
            drawn.append(architecture)
    return drawn


def score_alone(
    space: Any, data: search_data.Data, architecture: Any, seed: int, epochs: int
) -> dict[str, float]:
    """Trains one sub-network alone."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = space.build(architecture)
    start = time.perf_counter()
    train_alone(model, data, epochs, seed)
    seconds = time.perf_counter() - start
    return {"score": accuracy(model, data.x_val, data.y_val), "seconds": seconds}


def score_inherited(
    space: Any, data: search_data.Data, drawn: list[Any], form: str, seed: int, epochs: int
) -> dict[str, Any]:
    """Trains a supernet and scores all sub-networks with its weights."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    supernet = ksa.tuners.Supernet(space, weight_sharing=form, seed=seed)
    start = time.perf_counter()
    train_supernet(supernet, data, epochs, seed)
    trained = time.perf_counter()
    x = calibration_samples(data)
    scores = []
    for architecture in drawn:
        supernet.select(architecture)
        supernet.calibrate(x)
        scores.append(accuracy(supernet, data.x_val, data.y_val))
    return {
        "scores": scores,
        "train_seconds": trained - start,
        "score_seconds": (time.perf_counter() - trained) / len(drawn),
    }
