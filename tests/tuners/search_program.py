"""A search with a supernet, as a program that can be killed.

    python search_program.py FOLDER [--kill-after-epoch N] [--kill-in-trial N] [--trials 8]

Trains for 4 epochs. With --kill-... the process kills itself once (FOLDER/killed.txt). Writes the
outcome to FOLDER/outcome.json, and a line for each epoch trained to FOLDER/epochs.txt.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal

import keras
import numpy as np

import keras_shiftadd as ksa

# TensorFlow and JAX compile each block of a supernet for seconds.
DEPTHS = ((1,), (1, 2)) if keras.backend.backend() == "torch" else ((1,), (1,))


def space():
    """Two stages; sub-networks differ in all kinds of choices."""
    return ksa.tuners.HybridSpace(
        (12, 3),
        3,
        stem_width=4,
        stem_stride=1,
        widths=((4, 6), (6, 8)),
        depths=DEPTHS,
        strides=(2, 2),
        kernel_sizes=(3,),
        expansions=(1, 2),
    )


def data(count=96, seed=0):
    """Series of three classes that differ in the channel that oscillates."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = 0.5 * rng.normal(size=(count, 12, 3))
    x[np.arange(count), :, y] += np.sin(np.arange(12))
    return x.astype("float32"), y


def make_tuner(folder, trials=8, **options):
    """A tuner with the project FOLDER/search."""
    folder = pathlib.Path(folder)
    oracle = ksa.tuners.HybridOracle(
        space(),
        "val_accuracy",
        options.pop("budget", ksa.cost.Budget(flash=900)),
        max_trials=trials,
        population_size=4,
        num_parents=2,
        seed=1,
    )
    return ksa.tuners.HybridTuner(
        oracle.space,
        oracle=oracle,
        batch_size=32,
        calibration_samples=64,
        seed=1,
        directory=folder,
        project_name="search",
        **options,
    )


class Epochs(keras.callbacks.Callback):
    """Notes the epochs, and kills the process after one of them."""

    def __init__(self, folder, kill_after):
        super().__init__()
        self.folder = folder
        self.kill_after = kill_after

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.kill_after:
            kill_once(self.folder)
        with (self.folder / "epochs.txt").open("a") as file:
            file.write(f"{epoch}\n")


def kill_once(folder):
    """Kills this process, unless one has been killed already."""
    with contextlib.suppress(FileExistsError):
        (folder / "killed.txt").open("x").close()
        os.kill(os.getpid(), signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--kill-after-epoch", type=int)
    parser.add_argument("--kill-in-trial", type=int)
    parser.add_argument("--trials", type=int, default=8)
    options = parser.parse_args()
    tuner = make_tuner(options.folder, options.trials)
    run_trial, runs = tuner.run_trial, []

    def run_and_perhaps_die(trial, *args, **kwargs):
        runs.append(trial.trial_id)
        if len(runs) == options.kill_in_trial:
            kill_once(options.folder)
        return run_trial(trial, *args, **kwargs)

    tuner.run_trial = run_and_perhaps_die
    x, y = data()
    tuner.search(
        x,
        y,
        validation_data=data(48, seed=1),
        epochs=4,
        callbacks=[Epochs(options.folder, options.kill_after_epoch)],
        verbose=0,
    )
    if tuner.is_leader:
        outcome = {"history": tuner.history(), "best": tuner.best_architectures(3)}
        (options.folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
