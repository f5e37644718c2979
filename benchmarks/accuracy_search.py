"""The hybrid network that `accuracy.py` has searched."""

import argparse
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # printing figures needs no backend
    from search_data import Data

TARGET = "asic-45nm-arithmetic"


def search(data: "Data", options: argparse.Namespace) -> dict[str, Any]:
    """Finds the best network of a preset within `--search` microjoules of arithmetic.

    It is chosen on the validation part. A search that was stopped goes on from `--directory`.
    """
    from search_data import Batches
    from search_training import BATCH

    import keras_shiftadd as ksa

    start = time.perf_counter()
    space = ksa.tuners.HybridSpace(data.shape, data.classes, preset=options.preset)
    tuner = ksa.tuners.HybridTuner(
        space,
        budget=ksa.cost.Budget(energy_uj=options.search, target=TARGET),
        max_trials=options.trials,
        batch_size=BATCH,
        directory=options.directory,
        project_name=f"{options.set}-{options.search:g}uJ",
    )
    validation = data.x_val, data.y_val
    tuner.search(
        Batches(data, BATCH, 0), validation_data=validation, epochs=options.search_epochs, verbose=2
    )
    return {
        "architecture": tuner.best_architectures()[0],
        "trials": len(tuner.history()),
        "seconds": time.perf_counter() - start,
    }
