"""Training speed of a ResNet-20 of adder layers against the same one of convolutions.

    python benchmarks/training.py [--backend tensorflow jax torch] [--quick] [--json FILE]
    python benchmarks/training.py --render FILE

`model.fit` on random data of CIFAR-100's shape, batch 128, all cores. Each backend runs in a
process of its own. There, epochs of a few steps of the compiled form and of the convolutions take
turns; the portable form, which is much slower, gets fewer and smaller ones. Printed are images a
second, medians, and the median of the ratios of the same turn.
"""

import argparse
import os
import time

import commands
from kernel_rows.timing import quartiles

PORTABLE_BATCH = 16
OPS_VARIABLE = "KERAS_SHIFTADD_OPS"


def measure(options: argparse.Namespace) -> dict:
    """Images a second of each network with the backend of this process."""
    import keras
    import numpy as np
    from resnet import CLASSES, IMAGE, resnet20

    import keras_shiftadd as ksa

    os.environ[OPS_VARIABLE] = "native"
    status = ksa.custom_ops.status()
    keras.utils.set_random_seed(0)
    networks = {"convolution": (keras.layers.Conv2D, "native", options.batch, options.steps)}
    for form in options.forms:
        batch, steps = (
            (options.batch, options.steps)
            if form == "compiled"
            else (min(options.batch, PORTABLE_BATCH), options.portable_steps)
        )
        requested = "native" if form == "compiled" else "python"
        networks[form] = (ksa.layers.AdderConv2D, requested, batch, steps)
    models = {name: resnet20(conv) for name, (conv, *_) in networks.items()}
    rng = np.random.default_rng(0)
    images = options.batch * options.steps
    x = rng.random((images, *IMAGE), "float32")
    y = rng.integers(0, CLASSES, images)

    def epoch(name: str, steps: int) -> float:
        _, os.environ[OPS_VARIABLE], batch, _ = networks[name]
        count = batch * steps
        start = time.perf_counter()
        models[name].fit(x[:count], y[:count], batch_size=batch, shuffle=False, verbose=0)
        return count / (time.perf_counter() - start)

    speeds: dict[str, list[float | None]] = {name: [] for name in networks}
    for name in networks:
        epoch(name, 1)  # compiles
    for turn in range(options.epochs):
        for name in networks:
            due = name != "portable" or turn == 0
            speeds[name].append(epoch(name, networks[name][3]) if due else None)
    return {
        "instruction_set": status.instruction_set,
        "threads": status.threads,
        "images_per_second": speeds,
    }


def lines(result: dict) -> list[str]:
    """A Markdown table of the result."""
    table = [
        "| backend | adder, images/s | convolution, images/s | ratio | portable form, images/s |",
        "|---|---|---|---|---|",
    ]
    for backend, figures in result["backends"].items():
        speeds = figures["images_per_second"]
        medians = {name: f"{quartiles(v)[1]:.1f}" for name, v in speeds.items()}
        ratio = "-"
        if "compiled" in speeds:
            pairs = zip(speeds["compiled"], speeds["convolution"], strict=True)
            first, middle, third = quartiles(a / c for a, c in pairs)
            ratio = f"{middle:.2f} ({first:.2f} to {third:.2f})"
        cells = (medians.get(n, "-") for n in ("compiled", "convolution"))
        table.append(
            f"| {backend} | {' | '.join(cells)} | {ratio} | {medians.get('portable', '-')} |"
        )
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_backend_arguments(parser)
    parser.add_argument(
        "--forms", nargs="+", choices=("compiled", "portable"), default=["compiled", "portable"]
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5, help="steps an epoch")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each network")
    parser.add_argument("--portable-steps", type=int, default=1)
    parser.add_argument(
        "--quick", action="store_true", help="batch 32, two epochs of two steps, no portable form"
    )
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.batch, options.steps, options.epochs = 32, 2, 2
        options.forms = ["compiled"]
    return options


def main() -> None:
    """Measures each backend in a process of its own, or reads what was measured."""
    options = parse()
    commands.run_backends(options, measure, lines, {"batch": options.batch})


if __name__ == "__main__":
    main()
