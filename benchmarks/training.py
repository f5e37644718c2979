"""Training speed of a ResNet-20 of adder layers against the same one of convolutions.

    python benchmarks/training.py [--backend tensorflow jax torch] [--quick] [--json FILE]
    python benchmarks/training.py --render FILE

`model.fit` on random data of CIFAR-100's shape, batch 128, all cores. Each backend runs in a
process of its own. There, epochs of a few steps of the compiled form and of the convolutions take
turns; the portable form, which is much slower, gets fewer and smaller ones. Printed are images a
second, medians, and the median of the ratios of the same turn.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import machine
from kernel_rows.timing import quartiles

BACKENDS = ("tensorflow", "jax", "torch")
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
    for backend, figures in result["training"].items():
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
    parser.add_argument("--backend", nargs="+", choices=BACKENDS, default=list(BACKENDS))
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
    parser.add_argument("--render", type=pathlib.Path, help="print the table of a JSON file")
    parser.add_argument("--child", type=pathlib.Path, help=argparse.SUPPRESS)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.quick:
        options.batch, options.steps, options.epochs = 32, 2, 2
        options.forms = ["compiled"]
    return options


def main() -> None:
    """Measures each backend in a process of its own, or reads what was measured."""
    options = parse()
    if options.child:
        options.child.write_text(json.dumps(measure(options)))
        return
    if options.render:
        print("\n".join(lines(json.loads(options.render.read_text()))))
        return
    result: dict = {"batch": options.batch, "training": {}}
    for backend in options.backend:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "result")
            done = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--child", file],
                env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"{done.stdout}\n{backend}: failed")
            result["training"][backend] = json.loads(file.read_text())
        print(f"{backend}: done", file=sys.stderr, flush=True)
    machine.write(options.json, result)
    print("\n".join(lines(result)))


if __name__ == "__main__":
    main()
