"""A process of the searches that `search_workers.py` and `search_kills.py` run.

    python search_process.py '{"folder": ..., "trials": 40, "seconds": 0.5, "oracle": "hybrid"}'

A trial sleeps; its score, and what the architectures cost, are formulas. So the figures are those
of the search alone. Each run of a trial appends a line to FOLDER/runs.txt: process, trial,
beginning, end, and the memory of the process in MiB.
"""

import json
import pathlib
import sys
import time

import keras_tuner
import machine

from keras_shiftadd.cost import Budget, Cost
from keras_shiftadd.tuners import HybridOracle, HybridSpace
from keras_shiftadd.tuners._workers.loop import WorkerLoop

_PRICES = {"conv": 3.0, "shift": 1.0, "adder": 1.5}
OBJECTIVE = keras_tuner.Objective("score", "max")


class FormulaSpace(HybridSpace):
    """A space whose costs take no networks."""

    def cost(self, architecture, budget):
        """Products of widths, by operator."""
        energy, flash, width = 0.0, 0, self.stem_width
        for stage in architecture["stages"]:
            for block in stage["blocks"]:
                size = width * block["expansion"] * stage["width"]
                energy += _PRICES[block["operator"]] * size * block["kernel_size"] / 1000
                flash += size
                width = stage["width"]
        return Cost(energy, None, flash, flash)

    def cheapest(self, budget):
        """The narrowest network of shift blocks."""
        block = {"operator": "shift", "kernel_size": 3, "expansion": 2}
        stages = [
            {"width": widths[0], "blocks": [dict(block) for _ in range(depths[0])]}
            for widths, depths in zip(self.widths, self.depths, strict=True)
        ]
        return {limit: {"stages": stages} for limit in budget.limits}


class SleepingTuner(keras_tuner.Tuner):
    """Trials that sleep."""

    def run_trial(self, trial, space, folder, seconds, **kwargs):
        """Writes down when it was run, and where."""
        begin = time.time()
        time.sleep(seconds)
        architecture = space.architecture(trial.hyperparameters)
        line = [self.tuner_id, trial.trial_id, begin, time.time(), machine.memory()]
        with (folder / "runs.txt").open("a") as file:
            file.write(json.dumps(line) + "\n")
        blocks = [block for stage in architecture["stages"] for block in stage["blocks"]]
        good = sum(_PRICES[block["operator"]] / block["kernel_size"] for block in blocks)
        return {"score": good + architecture["stages"][0]["width"] / 100}


class HybridSleepingTuner(WorkerLoop, SleepingTuner):
    """The same with the loop of this package."""


def make_tuner(folder: pathlib.Path, trials: int, oracle: str = "hybrid", **options):
    """A tuner of this package, or KerasTuner's random search."""
    space = FormulaSpace((32, 32, 3), 10)
    place = {"directory": str(folder), "project_name": "search"}
    if oracle == "keras_tuner":
        random_search = keras_tuner.oracles.RandomSearchOracle(
            OBJECTIVE, trials, hyperparameters=space.hyperparameters(), seed=1
        )
        return space, SleepingTuner(random_search, **place)
    hybrid = HybridOracle(
        space,
        OBJECTIVE,
        Budget(energy_uj=150.0),
        max_trials=trials,
        population_size=10,
        num_parents=5,
        seed=1,
        **options,
    )
    return space, HybridSleepingTuner(hybrid, **place)


def run(folder: str, trials: int, seconds: float, oracle: str = "hybrid", **options) -> None:
    """Searches."""
    path = pathlib.Path(folder)
    space, tuner = make_tuner(path, trials, oracle, **options)
    tuner.search(space=space, folder=path, seconds=seconds, verbose=0)


if __name__ == "__main__":
    run(**json.loads(sys.argv[1]))
