"""The figures of a run of `benchmarks/kernels.py`: looked up, and compared with the goals."""

import statistics
from dataclasses import dataclass
from typing import Any

from kernel_rows.layer import LAYERS
from kernel_rows.timing import quartiles, ratio

TF = "tensorflow"
Quartiles = tuple[float, float, float]


class Figures:
    """The cells of a run: one a section, layer, batch, number of threads, and process."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result
        self.cells = {
            tuple(cell[k] for k in ("section", "layer", "batch", "threads", "process")): cell
            for cell in result["cells"]
            if cell["section"] != "memory"
        }
        self.memory = {c["layer"]: c for c in result["cells"] if c["section"] == "memory"}

    def values(self, position: int) -> list[Any]:
        """The values that occur at a position of the cells' keys, in order."""
        return list(dict.fromkeys(key[position] for key in self.cells))

    def time(self, key: tuple, row: str) -> Quartiles | None:
        """Milliseconds of a row."""
        rows = self.cells.get(key, {}).get("rows", {})
        return quartiles(rows[row]["ms"]) if row in rows else None

    def ratio(self, key: tuple, over: str, under: str) -> Quartiles | None:
        """Time of a row over that of another one of the same cell."""
        rows = self.cells.get(key, {}).get("rows", {})
        return ratio(rows[over], rows[under]) if over in rows and under in rows else None

    def share(self, key: tuple, row: str, loop: str, padded: bool) -> float | None:
        """The part of the instruction ceiling that a row reaches."""
        _, layer, batch, threads, _ = key
        quotient = self.ratio(key, f"ceiling_{loop}", row)
        if quotient is None or LAYERS[layer].depthwise:
            return None
        terms = LAYERS[layer].terms(batch, padded)
        return terms / self.result["ceiling_terms"] * quotient[1] / threads


@dataclass(frozen=True)
class Goal:
    """A ratio that is to be reached.

    Args:
        text: what is compared.
        section: where.
        over: the row whose time is divided.
        under: the row that it is divided by.
        bound: the goal.
        layers: for which layers.
        threads: with how many threads.
        batch: at which batch.
        at_least: whether the bound is a lower one.
        process: the process.
        via: another process; its quotient of the same `over` and `under` divides the first one.
        memory: a figure of memory in the place of a ratio of times.
    """

    text: str
    section: str
    over: str
    under: str
    bound: float
    layers: str = "bc"
    threads: int = 1
    batch: int = 32
    at_least: bool = True
    process: str = TF
    via: str | None = None
    memory: str | None = None

    def measured(self, figures: Figures, layer: str) -> Quartiles | None:
        """The figure of a layer, with quartiles."""
        if self.memory is not None:
            value = figures.memory.get(layer, {}).get(self.memory)
            return None if value is None else (value,) * 3
        key = (self.section, layer, self.batch, self.threads)
        value = figures.ratio((*key, self.process), self.over, self.under)
        if value is None or self.via is None:
            return value
        base = figures.ratio((*key, self.via), self.over, self.under)
        return None if base is None else tuple(v / base[1] for v in value)

    def reached(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound


def _forward(text: str, over: str, bound: float, threads: int, under: str = "adder_kernel") -> Goal:
    return Goal(text, "forward", over, under, bound, threads=threads)


GOALS = (
    _forward("adder forward against TensorFlow's convolution", "conv", 0.95, 1, "adder_op"),
    _forward("adder forward against TensorFlow's convolution", "conv", 0.75, 2, "adder_op"),
    _forward("adder forward against XNNPACK's convolution", "litert_conv", 0.80, 1),
    _forward("adder forward against XNNPACK's convolution", "litert_conv", 0.75, 2),
    _forward("adder forward against the Keras broadcast form", "keras_broadcast", 50, 1),
    Goal("int8 adder against XNNPACK int8", "int8", "litert_conv", "adder_kernel", 2.3),
    Goal("int8 adder against XNNPACK int8", "int8", "litert_conv", "adder_kernel", 1.5, "ad"),
    Goal(
        "int8 adder against XNNPACK int8",
        "int8",
        "litert_conv",
        "adder_kernel",
        1.0,
        layers="abcd",
        threads=2,
        batch=1,
    ),
    Goal("int8 shift against XNNPACK int8", "int8", "litert_conv", "shift_kernel", 1.4),
    Goal(
        "adder step, time over that of TensorFlow's convolution step",
        "step",
        "adder_op",
        "conv",
        1.35,
        at_least=False,
    ),
    *(
        Goal(
            f"adder step on {name}, time over that on TensorFlow",
            "step",
            "adder_op",
            "adder_kernels",
            1.25,
            at_least=False,
            process=process,
            via=TF,
        )
        for name, process in (("JAX", "jax"), ("PyTorch", "torch"))
    ),
    Goal("adder step against the Keras broadcast form", "step", "keras_broadcast", "adder_op", 40),
    *(
        Goal(
            f"extra memory of the {of}, in activations",
            "memory",
            "",
            "",
            2.0,
            at_least=False,
            memory=f"adder_op {of}",
        )
        for of in ("forward", "step")
    ),
)


def noise(figures: Figures) -> float:
    """Median over all rows of the distance of the quartiles, relative to the median."""
    spreads = []
    for cell in figures.cells.values():
        for row in cell["rows"].values():
            first, middle, third = quartiles(row["ms"])
            spreads.append((third - first) / middle)
    return statistics.median(spreads) if spreads else 0.0
