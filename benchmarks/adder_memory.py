"""Peak memory of the portable AdderConv2D, forward and backward, against the stated bound.

    python benchmarks/adder_memory.py [--shape 32 64 64 64] [--filters 64] [--json FILE]

Each backend runs in a process of its own. The kernel's high-water mark of the resident set is
reset after inputs and weights exist and the operation has run once on two
images (threads and allocators are up then); what is then added, less the output and all gradients,
is working memory. Linux with glibc only.
"""

import argparse
import ctypes
import gc
import os
import subprocess
import sys
import time

import machine

BACKENDS = ("tensorflow", "jax", "torch")
MIB = 2**20


def resident(field: str) -> int:
    """Reads VmRSS or VmHWM of this process, in bytes."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no field {field}")


def measure(shape: list[int], filters: int) -> float:
    """Working memory of one forward and backward pass, in MiB."""
    import numpy as np
    from keras import ops

    import keras_shiftadd as ksa

    backend = os.environ["KERAS_BACKEND"]

    def adder(x, w):
        return ksa.ops.adder_conv(x, w, padding="same")

    # The gradient of the output depends on the output, so that the backward pass waits for the
    # forward pass, as it does in training.
    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def run(x, w, g):
            with tf.GradientTape() as tape:
                tape.watch([x, w])
                y = adder(x, w)
            return y, *tape.gradient(y, [x, w], g + y)

    elif backend == "jax":
        import jax

        @jax.jit
        def run(x, w, g):
            y, pullback = jax.vjp(adder, x, w)
            return y, *pullback(g + y)

    else:
        import torch

        def run(x, w, g):
            x.requires_grad_()
            w.requires_grad_()
            y = adder(x, w)
            return y.detach(), *torch.autograd.grad(y, [x, w], g + y.detach())

    def tensors(batch, height, width, channels, filters):
        rng = np.random.default_rng(0)
        make = lambda *size: ops.convert_to_tensor(rng.normal(size=size).astype("float32"))  # noqa: E731
        return (
            make(batch, height, width, channels),
            make(3, 3, channels, filters),
            make(batch, height, width, filters),
        )

    run(*tensors(2, *shape[1:], filters))
    arguments = tensors(*shape, filters)
    if backend == "jax":  # compiling is not running
        run = run.lower(*arguments).compile()
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before = resident("VmRSS")
    results = run(*arguments)
    if backend == "jax":
        jax.block_until_ready(results)
    peak = resident("VmHWM") - before
    # outputs, both gradients, and the gradient of the output
    kept = sum(int(np.prod(r.shape)) * 4 for r in (*results, results[0]))
    return (peak - kept) / MIB


def main() -> None:
    """Measures all backends and prints them beside the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=4, default=[32, 64, 64, 64])
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    machine.add_json_argument(parser)
    options = parser.parse_args()
    if options.child:
        print("MiB", measure(options.shape, options.filters))
        return
    batch, height, width, channels = options.shape
    naive = batch * height * width * 9 * channels * options.filters * 4 / MIB
    print(f"AdderConv2D {options.shape} -> {options.filters}, 3x3, forward and backward")
    print(f"one broadcast would hold {naive:,.0f} MiB; the bound is 64 MiB")
    figures = {}
    for backend in BACKENDS:
        arguments = ["--child", "--shape", *map(str, options.shape)]
        start = time.monotonic()
        result = subprocess.run(
            [sys.executable, __file__, *arguments, "--filters", str(options.filters)],
            env={**os.environ, "KERAS_BACKEND": backend, "KERAS_SHIFTADD_OPS": "python"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        seconds = time.monotonic() - start
        figures[backend] = float(result.stdout.split("MiB")[-1])
        print(
            f"{backend:12} {figures[backend]:8.1f} MiB  ({seconds:.0f} s with start-up)", flush=True
        )
    machine.write(options.json, {"working_memory_mib": figures, "broadcast_mib": naive})


if __name__ == "__main__":
    main()
