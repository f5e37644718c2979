"""The tables of `benchmarks/kernels.py`, in Markdown."""

from collections.abc import Iterable, Iterator
from typing import Any

from kernel_figures import GOALS, TF, Figures, noise
from kernel_rows.ceiling import LOOPS
from kernel_rows.layer import LAYERS

# Section: title, the row that all others are divided by, and (label, process, row) of the others.
SECTIONS: dict[str, tuple[str, str, tuple[tuple[str, str, str], ...]]] = {
    "forward": (
        "Float32 forward",
        "adder_kernel",
        (
            ("adder op of TensorFlow", TF, "adder_op"),
            ("TensorFlow conv2d", TF, "conv"),
            ("TensorFlow conv2d, oneDNN off", "onednn_off", "conv"),
            ("TensorFlow conv2d, oneDNN on", "onednn_on", "conv"),
            ("XNNPACK convolution", TF, "litert_conv"),
            ("torch conv2d", TF, "torch_conv"),
            ("adder, torch.cdist", TF, "torch_cdist"),
            ("adder, JAX broadcast", TF, "jax_broadcast"),
            ("adder, Keras broadcast", TF, "keras_broadcast"),
            ("adder, portable form", TF, "portable"),
        ),
    ),
    "step": (
        "Float32 training step",
        "adder_kernels",
        (
            ("adder op of TensorFlow", TF, "adder_op"),
            ("adder op of JAX", "jax", "adder_op"),
            ("adder op of PyTorch", "torch", "adder_op"),
            ("keras.ops.conv on TensorFlow", TF, "conv"),
            ("keras.ops.conv on TensorFlow, oneDNN off", "onednn_off", "conv"),
            ("keras.ops.conv on TensorFlow, oneDNN on", "onednn_on", "conv"),
            ("keras.ops.conv on JAX", "jax", "conv"),
            ("keras.ops.conv on PyTorch", "torch", "conv"),
            ("torch conv2d", "torch", "torch_conv"),
            ("adder, Keras broadcast", TF, "keras_broadcast"),
            ("adder, portable form", TF, "portable"),
        ),
    ),
    "int8": (
        "Int8 forward with requantisation",
        "adder_kernel",
        (
            ("shift, weights to 32", TF, "shift_kernel"),
            ("shift, weights to 64", TF, "shift_kernel_to_64"),
            ("XNNPACK convolution", TF, "litert_conv"),
        ),
    ),
}
_LOOP_NAMES = {
    "max_fma": "max and FMA",
    "clip_fma": "difference, clip and FMA",
    "fma": "FMA",
    "distance": "absolute differences and addition",
    "product": "byte products",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def render(result: dict[str, Any]) -> Iterator[str]:
    """The whole of a run, a block at a time."""
    figures = Figures(result)
    machine = result["machine"]
    yield (
        f"{machine['cores']} cores of {machine['processor']}; kernels: "
        f"{result.get('instruction_set')}; adder ops: "
        + ", ".join(f"{form} in {process}" for process, form in result["forms"].items())
        + f"; median spread between the quartiles of a row: "
        f"{noise(figures):.0%}."
    )
    yield "\n".join(f"- {name}: {LAYERS[name]}" for name in result["layers"])
    yield _goals(figures)
    for section in figures.values(0):
        for threads in figures.values(3):
            for batch in figures.values(2):
                yield _comparison(figures, section, threads, batch)
    if figures.memory:
        yield _memory(figures)


def _goals(figures: Figures) -> str:
    rows = []
    for goal in GOALS:
        for layer in goal.layers:
            value = goal.measured(figures, layer)
            if value is None:
                continue
            first, middle, third = value
            sign = "at least" if goal.at_least else "at most"
            where = "" if goal.memory else f", batch {goal.batch}, {_threads(goal.threads)}"
            rows.append(
                (
                    f"{goal.text}{where}",
                    layer,
                    f"{sign} {goal.bound:g}",
                    number(middle),
                    f"{number(first)} to {number(third)}",
                    "reached" if goal.reached(middle) else "not reached",
                )
            )
    return "### Goals\n\n" + table(("ratio", "layer", "goal", "median", "quartiles", ""), rows)


def _comparison(figures: Figures, section: str, threads: int, batch: int) -> str:
    title, reference, peers = SECTIONS[section]
    layers = figures.values(1)
    rows = []

    def line(label: str, cells: Iterable[str]) -> None:
        cells = list(cells)
        if any(cell != "-" for cell in cells):
            rows.append((label, *cells))

    def key(layer: str, process: str = TF) -> tuple:
        return (section, layer, batch, threads, process)

    times = [figures.time(key(layer), reference) for layer in layers]
    line("**adder kernel**, ms", (number(t[1]) if t else "-" for t in times))
    for label, process, row in peers:
        ratios = [figures.ratio(key(layer, process), row, reference) for layer in layers]
        line(label, (number(r[1]) if r else "-" for r in ratios))
    for (of, row), (loop, padded) in LOOPS.items():
        if of == section:
            shares = [figures.share(key(layer), row, loop, padded) for layer in layers]
            label = f"{row.replace('_', ' ')}: share of the ceiling ({_LOOP_NAMES[loop]})"
            line(label, ("-" if s is None else f"{s:.0%}" for s in shares))
    head = f"### {title}, batch {batch}, {_threads(threads)}\n\n"
    return head + table(("time over that of the adder kernel", *layers), rows)


def _memory(figures: Figures) -> str:
    names = [f"{row} {of}" for row in ("adder_op", "conv") for of in ("forward", "step")]
    rows = [
        (layer, f"{cell['mib']:.0f}", *(number(cell[name]) for name in names))
        for layer, cell in figures.memory.items()
    ]
    head = ("layer", "activations, MiB", "adder forward", "adder step", "conv forward", "conv step")
    return "### Extra memory on TensorFlow, in activations\n\n" + table(head, rows)


def _threads(count: int) -> str:
    return f"{count} thread" if count == 1 else f"{count} threads"
