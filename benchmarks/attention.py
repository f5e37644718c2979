"""Attention over binary codes, in linear time, against dot products and distances of all pairs.

    python benchmarks/attention.py [--backend tensorflow jax torch] [--quick] [--json FILE]
    python benchmarks/attention.py --render FILE

`HybridAttention` with dense projections on 256 to 4096 tokens, forward, compiled on TensorFlow and
JAX; the similarities take turns. Printed are medians, and between which lengths the linear form
becomes the fastest.
"""

import argparse
import functools
from typing import Any

import commands
from kernel_rows import timing
from kernel_rows.timing import Effort, Row, quartiles

SIMILARITIES = ("dot", "laplacian", "binary_linear")
ROW_SECONDS = 10.0  # a similarity that would take longer with all its runs has fewer of them


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of each similarity at each length with the backend of this process."""
    import keras
    import numpy as np
    from keras import ops

    import keras_shiftadd as ksa

    rng = np.random.default_rng(0)
    forms: dict[str, Any] = {}
    for similarity in SIMILARITIES:
        layer = ksa.layers.HybridAttention(
            options.heads, options.width // options.heads, similarity=similarity
        )
        layer.build((1, None, options.width), (1, None, options.width))
        forms[similarity] = _compiled(layer)
    result: dict[str, Any] = {}
    for tokens in options.tokens:
        x = ops.convert_to_tensor(
            rng.normal(size=(options.batch, tokens, options.width)), "float32"
        )
        rows = [Row(name, functools.partial(_finish, form, x)) for name, form in forms.items()]
        times = timing.measure(rows, Effort(options.runs, ROW_SECONDS))
        result[str(tokens)] = {name: of["ms"] for name, of in times.items()}
    status = ksa.custom_ops.status()
    return {
        "ms": result,
        "active": str(getattr(status, "active", status)),
        "keras": keras.__version__,
    }


def _finish(form: Any, x: Any) -> None:
    """Calls, and waits for the result."""
    import keras

    keras.ops.convert_to_numpy(form(x))


def _compiled(layer: Any) -> Any:
    """A function of one tensor that runs the layer, compiled where the backend does that."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda x: layer(x, x))
    if backend == "jax":
        import jax

        weights = [variable.value for variable in layer.variables]

        @jax.jit
        def run(values: Any, x: Any) -> Any:
            outputs, _ = layer.stateless_call(values, [], x, x)
            return outputs

        return lambda x: run(weights, x)
    import torch

    def without_gradients(x: Any) -> Any:
        with torch.no_grad():
            return layer(x, x)

    return without_gradients


def crossover(ms: dict[str, dict[str, list[float]]]) -> str:
    """Between which lengths the linear form becomes faster than the dot product, for good."""
    lengths = sorted(ms, key=int)
    faster = [
        quartiles(ms[length]["binary_linear"])[1] < quartiles(ms[length]["dot"])[1]
        for length in lengths
    ]
    if not faster[-1]:
        return f"above {lengths[-1]}"
    first = len(faster) - faster[::-1].index(False) if False in faster else 0
    return f"below {lengths[0]}" if first == 0 else f"{lengths[first - 1]} to {lengths[first]}"


def lines(result: dict[str, Any]) -> list[str]:
    """Markdown tables of the result."""
    table = [
        "| backend | tokens | dot | laplacian | binary_linear | dot / binary_linear |",
        "|---|---|---|---|---|---|",
    ]
    for backend, figures in result["backends"].items():
        for tokens, forms in figures["ms"].items():
            dot, laplacian, linear = (quartiles(forms[name])[1] for name in SIMILARITIES)
            table.append(
                f"| {backend} | {tokens} | {dot:.1f} ms | {laplacian:.1f} ms | {linear:.1f} ms | "
                f"{dot / linear:.2f} |"
            )
    table += ["", "| backend | the linear form is the faster one from |", "|---|---|"]
    for backend, figures in result["backends"].items():
        table.append(f"| {backend} | {crossover(figures['ms'])} tokens |")
    return table


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands.add_backend_arguments(parser)
    parser.add_argument("--tokens", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="two runs of two short lengths")
    commands.add_json_arguments(parser)
    options = parser.parse_args()
    if options.quick:
        options.tokens, options.runs = [64, 128], 2
    return options


def main() -> None:
    """Measures each backend in a process of its own, or reads what was measured."""
    options = parse()
    common = {"width": options.width, "heads": options.heads, "batch": options.batch}
    commands.run_backends(options, measure, lines, common)


if __name__ == "__main__":
    main()
