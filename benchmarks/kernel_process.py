"""One process of `benchmarks/kernels.py`: settings of its frameworks, then its comparisons.

    python benchmarks/kernel_process.py SPECIFICATION RESULT

Both are JSON files; `kernels.py` writes the one and reads the other. Threads are settled before a
framework starts, which is why each number of threads has a process of its own.
"""

import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any


def settle_threads(threads: int) -> None:
    """Has XLA, OpenMP and TensorFlow use that many threads; before they are imported."""
    os.environ["NPROC"] = os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()


def forward_rows(spec: dict, layer: Any, batch: int, arrays: Any) -> Iterator[Any]:
    """Float32 forward passes."""
    from kernel_rows import ceiling, compiled, keras_rows
    from kernel_rows.timing import Row

    calls = compiled.AdderCalls(layer, batch, arrays, spec["threads"])
    yield Row("adder_kernel", calls.forward)
    if spec["process"] != "tensorflow":
        yield from keras_rows.rows(layer, batch, arrays, ("conv",), step=False)
        return
    from kernel_rows import jax_rows, litert_rows, torch_rows

    names = ("adder_op", "conv", "portable", "keras_broadcast")
    yield from keras_rows.rows(layer, batch, arrays, names, step=False)
    yield from litert_rows.rows(layer, batch, arrays, spec["threads"], int8=False)
    yield from torch_rows.forward_rows(layer, arrays)
    yield from jax_rows.forward_rows(layer, arrays)
    yield from ceiling.rows("forward")


def step_rows(spec: dict, layer: Any, batch: int, arrays: Any) -> Iterator[Any]:
    """Float32 forward passes with both gradients."""
    from kernel_rows import ceiling, compiled, keras_rows
    from kernel_rows.timing import Row

    calls = compiled.AdderCalls(layer, batch, arrays, spec["threads"])
    yield Row("adder_kernels", calls.step)
    names = ("adder_op", "conv")
    if spec["process"].startswith("onednn"):
        names = ("conv",)
    if spec["process"] == "tensorflow":
        names = (*names, "portable", "keras_broadcast")
        yield Row("input_gradient", calls.input_gradient)
        yield Row("kernel_gradient", calls.kernel_gradient)
        yield from ceiling.rows("step")
    yield from keras_rows.rows(layer, batch, arrays, names, step=True)
    if spec["process"] == "torch":
        from kernel_rows import torch_rows

        yield from torch_rows.step_rows(layer, arrays)


def int8_rows(spec: dict, layer: Any, batch: int, arrays: Any) -> Iterator[Any]:
    """Int8 forward passes with requantisation."""
    from kernel_rows import ceiling, compiled, litert_rows

    yield from compiled.int8_rows(layer, batch, spec["threads"])
    yield from litert_rows.rows(layer, batch, arrays, spec["threads"], int8=True)
    yield from ceiling.rows("int8")


ROWS: dict[str, Callable[..., Iterator[Any]]] = {
    "forward": forward_rows,
    "step": step_rows,
    "int8": int8_rows,
}


def measure(spec: dict) -> list[dict[str, Any]]:
    """Measures the comparisons of this process: sections, layers, batches."""
    from kernel_rows.layer import LAYERS, arrays
    from kernel_rows.timing import Effort
    from kernel_rows.timing import measure as interleave

    if spec["process"] in ("tensorflow", "torch"):
        import torch

        torch.set_num_threads(spec["threads"])
    if spec["process"] not in ("jax", "torch"):
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")  # every row is a function of its own, which is meant
    effort = Effort(spec["repeats"], spec["row_seconds"])
    cells = []
    for section in spec["sections"]:
        for name in spec["layers"]:
            for batch in spec["batches"]:
                start = time.monotonic()
                data = arrays(LAYERS[name], batch)
                rows = ROWS[section](spec, LAYERS[name], batch, data)
                where = {"section": section, "layer": name, "batch": batch}
                where |= {"threads": spec["threads"], "process": spec["process"]}
                cells.append({**where, "rows": interleave(rows, effort)})
                seconds = time.monotonic() - start
                print(
                    f"{spec['process']}, {spec['threads']} threads: {section}, layer {name}, "
                    f"batch {batch} ({seconds:.1f} s)",
                    flush=True,
                )
    return cells


def main() -> None:
    """Reads the specification, measures, writes the result."""
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    settle_threads(spec["threads"])
    if spec["process"].startswith("onednn"):
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(spec["process"] == "onednn_on"))
    backend = spec["process"] if spec["process"] in ("jax", "torch") else "tensorflow"
    os.environ["KERAS_BACKEND"] = backend
    cells = measure(spec)
    import keras_shiftadd as ksa

    status = ksa.custom_ops.status()
    form = {"form": status.form, "instruction_set": status.instruction_set}
    result = {"process": spec["process"], "cells": cells, **form}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(result))


if __name__ == "__main__":
    main()
