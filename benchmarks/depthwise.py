"""Depthwise convolutions as sums of windows against `keras.ops.depthwise_conv`, on each backend.

    python benchmarks/depthwise.py [--backend tensorflow jax torch] [--runs 15] [--json FILE]
    python benchmarks/depthwise.py --render FILE

Forward, and forward with both gradients, compiled on TensorFlow and JAX; the forms take turns.
`keras_shiftadd.ops._depthwise.prefers_windows` chooses by these figures.
"""

import argparse
import functools
from collections.abc import Callable
from typing import Any
from unittest import mock

import commands
from kernel_rows import timing
from kernel_rows.timing import Effort, Row, quartiles, ratio

FORMS = ("convolution", "windows")
ROW_SECONDS = 5.0  # a form that would take longer with all its runs has fewer of them
# Input and kernel, stride.
CASES = (
    ((32, 16, 16, 64), (3, 3, 64, 1), 1),
    ((32, 32, 32, 32), (3, 3, 32, 1), 2),
    ((32, 8, 8, 128), (5, 5, 128, 1), 1),
    ((64, 24, 128), (7, 128, 1), 1),
)


def forms(form: str, stride: int) -> dict[str, Callable[[Any, Any], Any]]:
    """Forward and gradients in one form, compiled where the backend compiles."""
    import keras

    from keras_shiftadd.ops import _depthwise

    def forward(x: Any, w: Any) -> Any:
        windows = form == "windows"
        with mock.patch.object(_depthwise, "prefers_windows", return_value=windows):
            return _depthwise.depthwise_conv(x, w, stride, "same")

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def both(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([x, w])
                y = forward(x, w)
            return tape.gradient(y, [x, w])

        return {"forward": tf.function(forward), "with gradients": tf.function(both)}
    if backend == "jax":
        import jax

        def both(x: Any, w: Any) -> Any:
            return jax.grad(lambda x, w: forward(x, w).sum(), (0, 1))(x, w)

        ready = {"forward": jax.jit(forward), "with gradients": jax.jit(both)}
        return {
            name: lambda x, w, run=run: jax.block_until_ready(run(x, w))
            for name, run in ready.items()
        }
    import torch

    def both(x: Any, w: Any) -> Any:
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        return torch.autograd.grad(forward(x, w).sum(), [x, w])

    return {"forward": forward, "with gradients": both}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of each form with the backend of this process."""
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    figures = []
    for x_shape, w_shape, stride in CASES:
        x, w = (
            keras.ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))
            for shape in (x_shape, w_shape)
        )
        runs = {form: forms(form, stride) for form in FORMS}
        for kind in ("forward", "with gradients"):
            rows = [Row(form, functools.partial(runs[form][kind], x, w)) for form in FORMS]
            times = timing.measure(rows, Effort(options.runs, ROW_SECONDS))
            figures.append(
                {"input": x_shape, "kernel": w_shape, "stride": stride, "kind": kind}
                | {form: quartiles(times[form]["ms"])[1] for form in FORMS}
                | {"ratio": ratio(times["convolution"], times["windows"])[1]}
            )
    return {"rows": figures}


def lines(figures: dict[str, Any]) -> list[str]:
    """A Markdown table."""
    table = [
        "| backend | input | kernel | stride | | convolution | windows | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for backend, of in figures["backends"].items():
        for row in of["rows"]:
            sizes = ("x".join(map(str, row[name])) for name in ("input", "kernel"))
            table.append(
                f"| {backend} | {' | '.join(sizes)} | {row['stride']} | {row['kind']} | "
                f"{row['convolution']:.2f} ms | {row['windows']:.2f} ms | "
                f"{row['ratio']:.2f} |"
            )
    return table


def main() -> None:
    """Measures each backend in a process of its own, or renders what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_backend_arguments(parser)
    parser.add_argument("--runs", type=int, default=15)
    commands.add_json_arguments(parser)
    commands.run_backends(parser.parse_args(), measure, lines, {})


if __name__ == "__main__":
    main()
