"""Peak memory of an adder layer beyond what it must hold, on TensorFlow.

    python benchmarks/kernel_memory.py SPECIFICATION RESULT

A process of `benchmarks/kernels.py`. TensorFlow keeps freed memory, so that each measurement is a
fork of its own. There the high-water mark of the resident set is reset after a pass with two
images, which brings threads and graph up. What is added then, less the output and the gradients
that are handed over, is extra. The batch is large enough that the activations, input and output,
make up 32 MiB. Linux only.
"""

import gc
import json
import os
import pathlib
import sys
from typing import Any

from adder_memory import resident
from kernel_process import settle_threads

ACTIVATIONS = 32 * 2**20


def activations(layer: Any) -> int:
    """Bytes of the input and the output for one image."""
    sizes = (layer.input_shape(1), layer.output_shape(1))
    return sum(4 * height * width * channels for _, height, width, channels in sizes)


def measure(layer: Any, batch: int, row: str, of: str) -> float:
    """Extra memory of a forward pass or a step, in units of the activations."""
    import numpy as np
    import tensorflow as tf
    from kernel_rows.keras_rows import operations

    operation = operations(layer)[row]
    shapes = (layer.input_shape, lambda _: layer.kernel_shape, layer.output_shape)
    signature = [tf.TensorSpec((None, *s(1)[1:])) for s in shapes]
    signature[1] = tf.TensorSpec(layer.kernel_shape)
    rng = np.random.default_rng(0)

    def tensors(images: int) -> list[Any]:
        return [tf.constant(rng.standard_normal(s(images), "float32")) for s in shapes]

    @tf.function(input_signature=signature)
    def run(x: Any, w: Any, g: Any) -> Any:
        if of == "forward":
            return (operation(x, w),)
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = operation(x, w)
        # The gradient waits for the forward pass, as in training.
        return y, *tape.gradient(y, [x, w], g + y)

    run(*tensors(2))
    arguments = tensors(batch)
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    outputs = run(*arguments)
    peak = resident("VmHWM") - before
    kept = sum(int(np.prod(t.shape)) for t in outputs)
    if of == "step":  # g + y, which stands for the gradient that a next layer hands over
        kept += int(np.prod(outputs[0].shape))
    return (peak - 4 * kept) / (batch * activations(layer))


def in_fork(*arguments: Any) -> float:
    """Measures in a child of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(measure(*arguments)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return round(float(text), 3)


def main() -> None:
    """Reads the specification, measures, writes the result."""
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    settle_threads(spec["threads"])
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from kernel_rows import keras_rows  # noqa: F401 - imported before the forks
    from kernel_rows.layer import LAYERS

    cells = []
    for name in spec["layers"]:
        layer = LAYERS[name]
        batch = -(-ACTIVATIONS // activations(layer))
        cell = {"section": "memory", "layer": name, "threads": spec["threads"], "batch": batch}
        cell["mib"] = batch * activations(layer) / 2**20
        for row in ("adder_op", "conv"):
            for of in ("forward", "step"):
                cell[f"{row} {of}"] = in_fork(layer, batch, row, of)
        cells.append({**cell, "process": "memory"})
    pathlib.Path(sys.argv[2]).write_text(json.dumps({"cells": cells}))


if __name__ == "__main__":
    main()
