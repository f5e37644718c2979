"""What a supernet costs: steps, scores, traces and parameters, on each backend.

    python benchmarks/search_step.py [--backend tensorflow jax torch] [--quick] [--json FILE]
    python benchmarks/search_step.py --render FILE

Series of the shape of the gestures (128 steps, 6 channels, 7 classes), the space "tiny" with
conv, shift and adder, random data. Each backend runs in a process of its own. Steps of the
supernet (four sub-networks each) and of the largest network alone take turns; so do scoring a
random sub-network (select, estimate statistics of 1,024 samples, evaluate 600) and training one
alone for an epoch. Memory is that of the process after ten of the further scores and after all of
them. A trace is counted each time that Python runs `call`: a compiled step does not.
"""

import argparse
import random
import time
from typing import Any

import commands
import machine
from kernel_rows.timing import quartiles

SHAPE, CLASSES = (128, 6), 7
TRAIN, CALIBRATE, VALIDATE, BATCH = 3072, 1024, 600, 64
# Epochs of a network alone that a score stands for: the default of `HybridTuner.retrain`.
EPOCHS = 30


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of the backend of this process."""
    import keras
    import numpy as np
    from search_training import compile_for, optimizer

    import keras_shiftadd as ksa

    class CountedSupernet(ksa.tuners.Supernet):
        """Counts how often Python runs it."""

        traces = 0

        def call(self, x: Any, training: bool | None = None) -> Any:
            """Counts, and calls the supernet."""
            type(self).traces += 1
            return super().call(x, training)

    keras.utils.set_random_seed(0)
    space = ksa.tuners.HybridSpace(SHAPE, CLASSES)
    rng, rows = random.Random(0), np.random.default_rng(0)
    x = rows.normal(size=(TRAIN, *SHAPE)).astype("float32")
    y = rows.integers(0, CLASSES, TRAIN)

    def fit(model: Any, steps: int, seconds: bool = True) -> float:
        count = steps * BATCH
        start = time.perf_counter()
        model.fit(x[:count], y[:count], batch_size=BATCH, verbose=0)
        return (time.perf_counter() - start) / (steps if seconds else 1)

    supernet = CountedSupernet(space, seed=0)
    largest = space.build(space.extreme(rng, largest=True))
    for model in (supernet, largest):
        compile_for(model, optimizer(10_000))
    first = {
        "supernet": fit(supernet, 2, seconds=False),
        "largest": fit(largest, 2, seconds=False),
    }

    def score(architecture: Any) -> float:
        start = time.perf_counter()
        supernet.select(architecture)
        supernet.calibrate(x[:CALIBRATE])
        supernet.evaluate(x[:VALIDATE], y[:VALIDATE], batch_size=256, verbose=0)
        return time.perf_counter() - start

    first["score"] = score(space.sample(rng))
    warm = CountedSupernet.traces
    steps: dict[str, list[float]] = {"supernet": [], "largest": []}
    for _ in range(options.turns):
        for name, model in (("supernet", supernet), ("largest", largest)):
            steps[name].append(fit(model, options.steps))
    after_steps = CountedSupernet.traces
    scores: dict[str, list[float]] = {"score": [], "build": [], "epoch": []}
    for _ in range(options.networks):
        scores["score"].append(score(space.sample(rng)))
        model = space.build(space.sample(rng))
        compile_for(model, optimizer(10_000))
        scores["build"].append(fit(model, 1, seconds=False))  # traces and compiles
        scores["epoch"].append(fit(model, TRAIN // BATCH, seconds=False))
    after_scores = CountedSupernet.traces
    memory = []
    for number in range(options.choices):
        score(space.sample(rng))
        if number == min(9, options.choices - 1):
            memory.append(machine.memory())
    memory.append(machine.memory())
    counted = {
        "training": after_steps - warm,
        "training_choices": 3 * options.turns * options.steps,
        "scoring": CountedSupernet.traces - after_steps,
        "scoring_choices": options.networks + options.choices,
        "before": warm,
    }
    assert after_scores >= after_steps
    return {
        "first": first,
        "steps": steps,
        "scores": scores,
        "traces": counted if keras.backend.backend() != "torch" else None,
        "parameters": parameters(supernet),
        "memory": memory,
    }


def parameters(supernet: Any) -> dict[str, int]:
    """Trainable parameters, and those of a supernet whose operators have kernels of their own."""
    import numpy as np

    shared = separate = sum(int(np.prod(v.shape)) for v in supernet.trainable_variables)
    for block in supernet.blocks:
        own = sum(operator in ("conv", "shift", "adder") for operator in block.choices)
        for weights in block.kernels.values():
            for name, variable in weights.items():
                size = int(np.prod(variable.shape))
                # An adder kernel of its own needs no gain and no offset.
                separate += (own - 1) * size if name == "kernel" else -size
    return {"shared": shared, "separate": separate}


def lines(result: dict[str, Any]) -> list[str]:
    """Markdown tables of the result."""
    table = [
        "| backend | step, supernet | step, largest alone | ratio | score | alone, "
        f"{EPOCHS} epochs | ratio | traces while training | while scoring | memory |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for backend, figures in result["backends"].items():
        steps, scores, traces = figures["steps"], figures["scores"], figures["traces"]
        pairs = zip(steps["supernet"], steps["largest"], strict=True)
        cells = [f"{1000 * quartiles(steps[n])[1]:.0f} ms" for n in ("supernet", "largest")]
        cells.append("{:.1f} ({:.1f} to {:.1f})".format(*_ordered(a / b for a, b in pairs)))
        score = quartiles(scores["score"])[1]
        alone = [b + EPOCHS * e for b, e in zip(scores["build"], scores["epoch"], strict=True)]
        cells += [f"{score:.2f} s", f"{quartiles(alone)[1]:.0f} s"]
        pairs = zip(alone, scores["score"], strict=True)
        cells.append("{:.0f} ({:.0f} to {:.0f})".format(*_ordered(a / b for a, b in pairs)))
        for kind in ("training", "scoring"):
            text = "-" if traces is None else f"{traces[kind]} in {traces[kind + '_choices']}"
            cells.append(text)
        cells.append("{:.0f} to {:.0f} MiB".format(*figures["memory"]))
        table.append(f"| {backend} | {' | '.join(cells)} |")
    counts = next(iter(result["backends"].values()))["parameters"]
    ratio = counts["shared"] / counts["separate"]
    table += [
        "",
        f"Parameters: {counts['shared']:,} shared, {counts['separate']:,} with kernels of its own "
        f"for each operator: {ratio:.2f}.",
    ]
    return table


def _ordered(values: Any) -> tuple[float, float, float]:
    """Median, first and third quartile."""
    low, middle, high = quartiles(values)
    return middle, low, high


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_backend_arguments(parser)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10, help="steps a turn")
    parser.add_argument("--networks", type=int, default=5, help="networks trained for an epoch")
    parser.add_argument("--choices", type=int, default=200, help="further networks scored")
    parser.add_argument("--quick", action="store_true", help="two turns of two steps")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.turns, options.steps, options.networks, options.choices = 2, 2, 2, 2
    return options


def main() -> None:
    """Measures each backend in a process of its own, or reads what was measured."""
    commands.run_backends(parse(), measure, lines, {"batch": BATCH})


if __name__ == "__main__":
    main()
