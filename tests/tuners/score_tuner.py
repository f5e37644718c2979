"""A tuner whose trials take no training: the score is a function of the architecture.

As a program it runs one search, or one process of it, as KERASTUNER_* say:

    python score_tuner.py FOLDER [--trials 20] [--seconds 0] [--seed 1] [--kill-in-run N]

A line for each run of a trial goes to FOLDER/runs.txt. With `--kill-in-run` the process kills
itself in its N-th run, if it has not done so before (FOLDER/killed.txt).
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import time

import keras_tuner
from priced_space import score, tiny_space

from keras_shiftadd.tuners import HybridOracle
from keras_shiftadd.tuners._workers.loop import WorkerLoop


class ScoreTuner(WorkerLoop, keras_tuner.Tuner):
    """Gives a trial's score after `seconds` of sleep."""

    run_number = 0

    def run_trial(self, trial, seconds=0.0, folder=None, kill_in_run=None, **kwargs):
        architecture = self._own_oracle.space.architecture(trial.hyperparameters)
        self.run_number += 1
        if folder is not None:
            with (folder / "runs.txt").open("a") as file:
                file.write(f"{self.tuner_id} {trial.trial_id}\n")
        if kill_in_run == self.run_number:
            with contextlib.suppress(FileExistsError):
                (folder / "killed.txt").open("x").close()
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(seconds)
        return {"score": score(architecture), "twice": 2 * score(architecture)}


def make_tuner(folder, trials=20, seed=1, overwrite=False, chief_timeout=60.0, **options):
    """A tuner with the project FOLDER/search."""
    oracle = HybridOracle(
        tiny_space(),
        keras_tuner.Objective("score", "max"),
        max_trials=trials,
        population_size=5,
        num_parents=3,
        seed=seed,
        **options,
    )
    return ScoreTuner(
        oracle,
        directory=str(folder),
        project_name="search",
        overwrite=overwrite,
        chief_timeout=chief_timeout,
    )


def runs(folder):
    """(tuner_id, trial_id) of the runs so far."""
    file = folder / "runs.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    return [tuple(line.split()) for line in lines]


def outcome(oracle):
    """What a search has found, in plain values that can be compared."""
    state = json.loads(json.dumps(oracle.get_state()["hybrid"]))
    return {
        "history": oracle.history(),
        "population": state["population"],
        "pareto_front": state["pareto_front"],
        "proposals": state["proposals"],
        "ended": len(oracle.end_order),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill-in-run", type=int)
    parser.add_argument("--trial-timeout", type=float)
    options = parser.parse_args()
    tuner = make_tuner(
        options.folder, options.trials, options.seed, trial_timeout=options.trial_timeout
    )
    tuner.search(
        seconds=options.seconds,
        folder=options.folder,
        kill_in_run=options.kill_in_run,
        verbose=0,
    )
    print(f"{tuner.tuner_id}: {len(tuner.oracle.end_order)} trials have ended")


if __name__ == "__main__":
    main()
