"""The portable adder operation: chunked forward, input gradient and kernel gradient.

Every tensor may have a narrower dtype than the accumulation, `problem.dtype`: chunks are widened
as they are gathered, so no wide copy of a whole tensor arises. `w` arrives in that dtype.

All three work on a channels-last input flattened to rows `(pixels, channels)` and gather the rows
that a chunk of pixels needs, a kernel tap at a time. No padded copy and no patch matrix of the
whole input is ever made. The input gradient gathers as well (each input element asks which
outputs read it), so it is deterministic and has no scatter.

Shapes: G groups, Cg input channels a group, Fg filters a group, T taps.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from keras_shiftadd.ops._memory import chunk_elements
from keras_shiftadd.ops._windows import Windows, unravel

_ITEMSIZE = {"float32": 4, "float64": 8}


@dataclasses.dataclass(frozen=True)
class AdderProblem:
    """What stays fixed over a call: geometry and channel counts."""

    windows: Windows
    groups: int
    channels: int  # Cg
    filters: int  # Fg
    dtype: str  # of the accumulation

    @property
    def volume(self) -> int:
        """Differences a pixel and tap."""
        return self.groups * self.channels * self.filters

    def pixels_a_chunk(self, elements_a_pixel: int, pixels: Any) -> int:
        """Returns how many pixels a chunk holds, never more than there are."""
        count = max(1, chunk_elements(_ITEMSIZE[self.dtype]) // max(1, elements_a_pixel))
        return min(count, max(1, pixels)) if isinstance(pixels, int) else count

    def splits(self, length: int) -> list[slice]:
        """Cuts an axis of `length` so that one pixel's differences fit a chunk."""
        limit = chunk_elements(_ITEMSIZE[self.dtype])
        step = max(1, length * limit // max(1, self.volume)) if self.volume > limit else length
        return [slice(start, start + step) for start in range(0, length, step)]


def _product(sizes: tuple[Any, ...]) -> Any:
    result = sizes[0]
    for size in sizes[1:]:
        result = result * size
    return result


def _map_pixels(
    function: Callable[[Any], Any], pixels: Any, chunk: int, row: tuple[int, ...], dtype: Any
) -> Any:
    """Applies `function` to chunks of pixel indices and joins the results along the first axis.

    Args:
        function: Maps `(n,)` int32 indices to a tensor `(n, *row)`.
        pixels: How many pixels there are.
        chunk: How many pixels a chunk holds.
        row: Shape of the result for one pixel.
        dtype: Dtype of the result.

    Returns:
        Tensor `(pixels, *row)`.
    """
    if isinstance(pixels, int) and pixels <= chunk:
        return function(ops.arange(pixels, dtype="int32"))
    lanes = ops.arange(chunk, dtype="int32")
    starts = ops.arange((pixels + chunk - 1) // chunk, dtype="int32") * chunk

    def step(previous: Any, start: Any) -> tuple[Any, Any]:
        # Left alone, TensorFlow would work on ten chunks at once. This is always zero, which is
        # known only when the previous chunk is done.
        start = start + ops.cast(ops.ravel(previous)[0] > float("inf"), "int32")
        # The last chunk repeats the last pixel; what it computes twice is cut off below.
        result = function(ops.minimum(start + lanes, pixels - 1))
        return result, result

    _, parts = ops.scan(step, ops.zeros((chunk, *row), dtype=dtype), starts)
    return ops.reshape(parts, (-1, *row))[:pixels]


def _rows(flat: Any, index: Any, valid: Any, dtype: str) -> Any:
    """Gathers rows in the dtype of the accumulation, zero where `valid` is False."""
    rows = ops.cast(ops.take(flat, index, axis=0), dtype)
    return ops.where(ops.expand_dims(valid, -1), rows, ops.zeros_like(rows))


def forward(problem: AdderProblem, x: Any, w: Any) -> Any:
    """Returns -sum |x - w| over each window.

    Args:
        problem: Geometry and counts.
        x: `(batch, *sizes, G * Cg)`.
        w: `(T, G, Cg, Fg)`.

    Returns:
        `(batch, *output_sizes, G * Fg)`.
    """
    windows = problem.windows
    batch = ops.shape(x)[0]
    flat = ops.reshape(x, (-1, problem.groups * problem.channels))
    pixels = _product((batch, *windows.output_sizes))

    def chunk(index: Any) -> Any:
        total: Any = None
        for tap, coordinates in enumerate(windows.taps):
            rows = _rows(flat, *windows.read_by(coordinates, index), problem.dtype)
            rows = ops.reshape(rows, (-1, problem.groups, problem.channels, 1))
            for part in problem.splits(problem.channels):
                distance = ops.abs(rows[:, :, part] - w[tap, :, part])
                distance = ops.sum(distance, axis=2)
                total = distance if total is None else total + distance
        total = ops.reshape(-total, (-1, problem.groups * problem.filters))
        return ops.cast(total, x.dtype)

    y = _map_pixels(
        chunk,
        pixels,
        problem.pixels_a_chunk(problem.volume, pixels),
        (problem.groups * problem.filters,),
        x.dtype,
    )
    return ops.reshape(y, (batch, *windows.output_sizes, problem.groups * problem.filters))


def input_gradient(
    problem: AdderProblem, x: Any, w: Any, upstream: Any, slope: Callable[[Any], Any]
) -> Any:
    """Returns sum g * slope(w - x) over all windows that read an input element.

    Args:
        problem: Geometry and counts.
        x: `(batch, *sizes, G * Cg)`.
        w: `(T, G, Cg, Fg)`.
        upstream: `(batch, *output_sizes, G * Fg)`.
        slope: Elementwise function of the difference.

    Returns:
        `(batch, *sizes, G * Cg)`.
    """
    windows = problem.windows
    batch = ops.shape(x)[0]
    flat = ops.reshape(x, (-1, problem.groups * problem.channels))
    upstream = ops.reshape(upstream, (-1, problem.groups * problem.filters))
    w = ops.transpose(w, (0, 1, 3, 2))
    step, phases = windows.phases()
    coarse = tuple((size + s - 1) // s for size, s in zip(windows.sizes, step, strict=True))

    def phase_gradient(cell: Any, phase: tuple[int, ...]) -> Any:
        image, coordinates = unravel(cell, coarse)
        # A cell at the border may lie outside of the input: it is computed for the last element
        # and cut off when the phases are joined.
        coordinates = [
            ops.minimum(c * s + r, size - 1)
            for c, s, r, size in zip(coordinates, step, phase, windows.sizes, strict=True)
        ]
        own = image
        for coordinate, size in zip(coordinates, windows.sizes, strict=True):
            own = own * size + coordinate
        rows = ops.cast(ops.take(flat, own, axis=0), problem.dtype)
        rows = ops.reshape(rows, (-1, problem.groups, 1, problem.channels))
        total = ops.zeros_like(rows[:, :, 0])
        for tap, place in enumerate(windows.taps):
            if windows.never_read(place, step, phase):
                continue
            g = _rows(upstream, *windows.reader(place, image, coordinates), problem.dtype)
            g = ops.reshape(g, (-1, problem.groups, problem.filters))
            for part in problem.splits(problem.filters):
                # As a batched product XLA compiles this to a dot, as a sum of products to a loop
                # that is twenty times slower on a CPU.
                slopes = slope(w[tap, :, part] - rows)
                total = total + ops.matmul(g[:, :, None, part], slopes)[:, :, 0]
        total = ops.reshape(total, (-1, problem.groups * problem.channels))
        return ops.cast(total, x.dtype)

    def chunk(cell: Any) -> Any:
        return ops.stack([phase_gradient(cell, phase) for phase in phases], axis=1)

    cells = _product((batch, *coarse))
    dx = _map_pixels(
        chunk,
        cells,
        problem.pixels_a_chunk(problem.volume * len(phases), cells),
        (len(phases), problem.groups * problem.channels),
        x.dtype,
    )
    if len(phases) == 1:
        return ops.reshape(dx, ops.shape(x))
    rank = len(step)
    dx = ops.reshape(dx, (batch, *coarse, *step, problem.groups * problem.channels))
    order = [0]
    for axis in range(rank):
        order += [1 + axis, 1 + rank + axis]
    dx = ops.transpose(dx, (*order, 1 + 2 * rank))
    padded = tuple(c * s for c, s in zip(coarse, step, strict=True))
    dx = ops.reshape(dx, (batch, *padded, problem.groups * problem.channels))
    return dx[(slice(None), *(slice(0, size) for size in windows.sizes))]


def kernel_gradient(
    problem: AdderProblem, x: Any, w: Any, upstream: Any, slope: Callable[[Any], Any] | None
) -> Any:
    """Returns sum g * slope(x - w) over all pixels.

    Args:
        problem: Geometry and counts.
        x: `(batch, *sizes, G * Cg)`.
        w: `(T, G, Cg, Fg)`.
        upstream: `(batch, *output_sizes, G * Fg)`.
        slope: Elementwise function of the difference; None is the identity, for which the sum
            is a matrix product and a rank-one term.

    Returns:
        `(T, G, Cg, Fg)`.
    """
    windows = problem.windows
    flat = ops.reshape(x, (-1, problem.groups * problem.channels))
    pixels = _product((ops.shape(x)[0], *windows.output_sizes))
    upstream = ops.reshape(upstream, (-1, problem.groups * problem.filters))
    if slope is None:
        # All taps of a chunk may be held at once.
        elements = problem.groups * max(problem.channels, problem.filters) * len(windows.taps)
        if problem.channels == 1:
            elements = problem.volume * len(windows.taps)
    else:
        elements = problem.volume
    size = problem.pixels_a_chunk(elements, pixels)
    lanes = ops.arange(size, dtype="int32")

    def tap_gradient(tap: int, rows: Any, g: Any) -> Any:
        if slope is not None:
            parts = []
            for part in problem.splits(problem.channels):
                slopes = slope(ops.expand_dims(rows[:, :, part], 3) - w[tap, :, part])
                parts.append(ops.sum(ops.expand_dims(g, 2) * slopes, axis=0))
            return ops.concatenate(parts, axis=1)
        if problem.channels == 1:
            return ops.sum(ops.expand_dims(rows, 3) * ops.expand_dims(g, 2), axis=0)
        if problem.groups == 1:
            return ops.matmul(ops.transpose(rows[:, 0]), g[:, 0])[None]
        return ops.einsum("pgc,pgf->gcf", rows, g)

    def add_chunk(start: Any, total: Any) -> Any:
        index = start * size + lanes
        inside = index < pixels
        index = ops.minimum(index, pixels - 1)
        g = ops.reshape(
            _rows(upstream, index, inside, problem.dtype), (-1, problem.groups, problem.filters)
        )
        gradients = []
        for tap, coordinates in enumerate(windows.taps):
            rows = _rows(flat, *windows.read_by(coordinates, index), problem.dtype)
            rows = ops.reshape(rows, (-1, problem.groups, problem.channels))
            gradients.append(tap_gradient(tap, rows, g))
        return total + ops.stack(gradients, axis=0)

    chunks = (pixels + size - 1) // size
    if isinstance(chunks, int) and chunks == 1:
        dw = add_chunk(0, ops.zeros_like(w))
    else:
        dw = ops.fori_loop(0, chunks, add_chunk, ops.zeros_like(w))
    if slope is None:
        total = ops.sum(ops.cast(upstream, problem.dtype), axis=0)
        total = ops.reshape(total, (1, problem.groups, 1, problem.filters))
        dw = dw - w * total
    return dw
