"""Searches a hybrid network for CIFAR-10 or CIFAR-100, and trains the one that it found.

    python examples/search_cifar.py                                    # CIFAR-10, needs a GPU
    python examples/search_cifar.py --data cifar100 --budget 60
    python examples/search_cifar.py --data images.npz --budget 60
    keras-shiftadd search --workers 4 examples/search_cifar.py         # four processes score trials

One set of shared weights (the supernet) is trained; then an evolution proposes networks within the
budget, which are scored with these weights on samples that are held back; the best one is trained
on all training samples and tested. A run that was stopped goes on where it was if it is started
again with the same arguments. Steps of the supernet train four networks and cost accordingly:
`--quick` shows on a processor that everything runs, with figures of no worth.

An .npz file holds `x`, images (samples, rows, columns, channels), and `y`, a class a sample;
`x_test` and `y_test` too, or a sixth of the samples is taken for the test.
"""

import argparse
import json
import os
import random
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import keras_shiftadd as ksa

Parts = dict[str, tuple[np.ndarray, np.ndarray]]


class Images(keras.utils.PyDataset):
    """Batches of shifted and mirrored images, drawn anew in each epoch."""

    def __init__(self, x: np.ndarray, y: np.ndarray, batch: int, seed: int) -> None:
        super().__init__()
        self.x, self.y, self.batch = x, y, batch
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(x))

    def __len__(self) -> int:
        return -(-len(self.x) // self.batch)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.batch : (index + 1) * self.batch]
        return augment(self.x[rows], self.rng), self.y[rows]

    def on_epoch_end(self) -> None:
        """Shuffles for the next epoch."""
        self.order = self.rng.permutation(len(self.x))


def augment(x: np.ndarray, rng: np.random.Generator, padding: int = 4) -> np.ndarray:
    """Shifts each image by up to `padding` pixels, and mirrors half of them."""
    count, height, width, _ = x.shape
    edge = (padding, padding)
    padded = np.pad(x, ((0, 0), edge, edge, (0, 0)))
    top, left = rng.integers(0, 2 * padding + 1, (2, count, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    columns = np.where(rng.random((count, 1)) < 0.5, columns[:, ::-1], columns)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def load(options: argparse.Namespace) -> tuple[Parts, int]:
    """Standardised images and classes for training, validation and test; the number of classes."""
    if options.data in ("cifar10", "cifar100"):
        (x, y), (x_test, y_test) = getattr(keras.datasets, options.data).load_data()
    else:
        with np.load(options.data, allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
        x, y = arrays["x"], arrays["y"]
        order = np.random.default_rng(0).permutation(len(x))
        if "x_test" in arrays:
            x_test, y_test = arrays["x_test"], arrays["y_test"]
        else:
            test, order = np.split(order, [len(x) // 6])
            x_test, y_test = x[test], y[test]
        x, y = x[order], y[order]
    classes, y = np.unique(y, return_inverse=True)
    y_test = np.searchsorted(classes, y_test)
    order = np.random.default_rng(1).permutation(len(x))
    if options.quick:
        order, x_test, y_test = order[:400], x_test[:200], y_test[:200]
    held, kept = np.split(order, [len(order) // 10])
    mean, deviation = x[kept].mean((0, 1, 2)), x[kept].std((0, 1, 2)) + 1e-6
    parts = {
        "train": (x[kept], y[kept]),
        "validation": (x[held], y[held]),
        "test": (x_test, y_test),
    }
    return {
        name: (((images - mean) / deviation).astype(np.float32), labels.ravel())
        for name, (images, labels) in parts.items()
    }, len(classes)


def make_tuner(
    options: argparse.Namespace, shape: tuple[int, ...], classes: int
) -> ksa.tuners.HybridTuner:
    """The search."""
    choices: dict[str, Any] = {}
    if options.quick:
        choices = {"depths": ((1,), (1,), (1,)), "kernel_sizes": (3,), "widths": ((16,),) * 3}
    space = ksa.tuners.HybridSpace(shape, classes, tuple(options.operators), "tiny", **choices)
    limit = options.budget
    if limit is None:
        largest = space.extreme(random.Random(0), largest=True)
        limit = 0.5 * space.cost(largest, ksa.cost.Budget(energy_uj=1.0)).energy_uj
    budget = ksa.cost.Budget(energy_uj=limit)
    print(f"At most {budget.energy_uj:.1f} µJ an inference.", flush=True)
    return ksa.tuners.HybridTuner(
        space,
        objective="val_accuracy",
        budget=budget,
        max_trials=options.trials,
        supernet=ksa.tuners.Supernet(space, seed=options.seed),
        batch_size=options.batch,
        seed=options.seed,
        directory=options.output,
        project_name=f"{Path(options.data).stem}-seed{options.seed}",
    )


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="cifar10", help="cifar10, cifar100, or an .npz file")
    parser.add_argument(
        "--operators",
        nargs="+",
        choices=("conv", "shift", "adder", "attention"),
        default=["conv", "shift", "adder"],
        help="what a block may choose",
    )
    parser.add_argument(
        "--budget",
        type=float,
        help="largest energy of an inference in microjoules (int8, 45 nm, with memory traffic); "
        "default: half of what the largest network needs",
    )
    parser.add_argument("--epochs", type=int, default=60, help="of the supernet")
    parser.add_argument("--trials", type=int, default=300, help="networks that are scored")
    parser.add_argument("--retrain-epochs", type=int, default=200, help="of the winner")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/search_cifar"))
    parser.add_argument("--quick", action="store_true", help="a smoke run: few samples and epochs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.epochs, options.retrain_epochs, options.trials = 1, 1, 3
    return options


def main(arguments: list[str] | None = None) -> None:
    """Searches, trains and tests."""
    options = parse_arguments(arguments)
    parts, classes = load(options)
    x, y = parts["train"]
    tuner = make_tuner(options, x.shape[1:], classes)
    batches = Images(x, y, options.batch, options.seed)
    tuner.search(batches, validation_data=parts["validation"], epochs=options.epochs)
    if os.environ.get("KERASTUNER_TUNER_ID", "chief") != "chief":
        return  # a worker: the chief trains the winner
    tuner.results_summary(3)
    winner = tuner.best_architectures()[0]
    project = Path(tuner.project_dir)
    (project / "architecture.json").write_text(json.dumps(winner, indent=2) + "\n")
    (project / "pareto.json").write_text(json.dumps(tuner.pareto_front(), indent=2) + "\n")

    x_val, y_val = parts["validation"]
    everything = np.concatenate([x, x_val]), np.concatenate([y, y_val])
    model = tuner.retrain(
        winner,
        Images(*everything, options.batch, options.seed),
        epochs=options.retrain_epochs,
        # An end-to-end result owes nothing to the supernet but the architecture.
        inherit=False,
    )
    model.save(project / "winner.keras")
    ksa.summary(model)
    _, accuracy = model.evaluate(*parts["test"], batch_size=256, verbose=0)
    cost = ksa.cost.estimate(model)
    print(
        f"Test accuracy {accuracy:.2%}, {cost.energy_uj:.2f} µJ, {cost.flash:,} bytes of weights. "
        f"Architecture and network: {project}"
    )


if __name__ == "__main__":
    main()
