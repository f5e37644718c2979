"""Time of the portable adder convolution against Keras' own convolution, interleaved.

    python benchmarks/adder_speed.py [--runs 7] [--json FILE]

Forward and backward pass of one layer, compiled on TensorFlow and JAX, on all cores. Runs of the
two alternate; printed are medians and the median of the ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import machine

BACKENDS = ("tensorflow", "jax", "torch")
# batch, size, channels, filters
SHAPES = ((64, 32, 16, 16), (32, 16, 64, 64), (32, 8, 128, 128))


def measure(runs: int) -> list[dict[str, float]]:
    """Times both operations on each shape with the backend of this process."""
    import keras
    import numpy as np
    from keras import ops

    import keras_shiftadd as ksa

    backend = keras.backend.backend()

    def step(function):
        if backend == "tensorflow":
            import tensorflow as tf

            @tf.function
            def run(x, w, g):
                with tf.GradientTape() as tape:
                    tape.watch([x, w])
                    y = function(x, w)
                return tape.gradient(y, [x, w], g)
        elif backend == "jax":
            import jax

            @jax.jit
            def run(x, w, g):
                return jax.vjp(function, x, w)[1](g)
        else:
            import torch

            def run(x, w, g):
                x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
                return torch.autograd.grad(function(x, w), [x, w], g)

        return run

    steps = {
        "adder": step(lambda x, w: ksa.ops.adder_conv(x, w, padding="same")),
        "conv": step(lambda x, w: ops.conv(x, w, padding="same")),
    }
    rng = np.random.default_rng(0)
    results = []
    for batch, size, channels, filters in SHAPES:
        arguments = [
            ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))
            for shape in (
                (batch, size, size, channels),
                (3, 3, channels, filters),
                (batch, size, size, filters),
            )
        ]
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for count in range(runs + 1):
            for name, run in steps.items():
                start = time.perf_counter()
                for result in run(*arguments):
                    ops.convert_to_numpy(result)
                if count:  # the first run compiles
                    seconds[name].append(time.perf_counter() - start)
        ratios = [a / c for a, c in zip(seconds["adder"], seconds["conv"], strict=True)]
        results.append(
            {
                "shape": f"{batch}x{size}x{size}x{channels}->{filters}",
                "adder_ms": 1e3 * statistics.median(seconds["adder"]),
                "conv_ms": 1e3 * statistics.median(seconds["conv"]),
                "ratio": statistics.median(ratios),
            }
        )
    return results


def main() -> None:
    """Measures each backend in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.runs)))
        return
    figures = {}
    for backend in BACKENDS:
        result = subprocess.run(
            [sys.executable, __file__, "--child", "--runs", str(options.runs)],
            env={**os.environ, "KERAS_BACKEND": backend, "KERAS_SHIFTADD_OPS": "python"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        figures[backend] = json.loads(result.stdout.splitlines()[-1])
        for row in figures[backend]:
            print(
                f"{backend:11} {row['shape']:20} adder {row['adder_ms']:8.1f} ms  "
                f"conv {row['conv_ms']:7.1f} ms  ratio {row['ratio']:6.1f}",
                flush=True,
            )
    machine.write(options.json, {"forward_and_backward": figures})


if __name__ == "__main__":
    main()
