"""Geometry of sliding windows: which input element each kernel tap of each output reads."""

import dataclasses
import itertools
from numbers import Integral
from typing import Any

from keras import ops


def integers(value: Any, rank: int, name: str) -> tuple[int, ...]:
    """Returns `value` as `rank` positive integers."""
    values = (value,) * rank if isinstance(value, Integral) else tuple(value)
    if len(values) != rank or not all(isinstance(v, Integral) and int(v) > 0 for v in values):
        raise ValueError(
            f"`{name}` must be a positive integer or a tuple of {rank} positive integers. "
            f"Received: {name}={value!r}."
        )
    return tuple(map(int, values))


def _at_least_zero(value: Any) -> Any:
    return max(value, 0) if isinstance(value, int) else ops.maximum(value, 0)


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows of a convolution over a channels-last tensor.

    Sizes may be Python integers or, where TensorFlow does not know them, scalar tensors; all
    arithmetic below serves both.

    Args:
        sizes: The input's spatial sizes.
        kernel_size: Taps an axis.
        strides: Steps an axis.
        dilation_rate: Distances between taps, an axis.
        padding: `"valid"`, `"same"` or `"causal"`.
    """

    sizes: tuple[Any, ...]
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str

    @property
    def taps(self) -> list[tuple[int, ...]]:
        """Tap coordinates in the kernel's row-major order."""
        return list(itertools.product(*(range(k) for k in self.kernel_size)))

    def _extent(self, axis: int) -> int:
        return (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1

    @property
    def output_sizes(self) -> tuple[Any, ...]:
        """Spatial sizes of the output."""
        result = []
        for axis, size in enumerate(self.sizes):
            stride = self.strides[axis]
            if self.padding == "valid":
                result.append((size - self._extent(axis)) // stride + 1)
            else:
                result.append((size + stride - 1) // stride)
        return tuple(result)

    @property
    def padding_before(self) -> tuple[Any, ...]:
        """Padded elements in front of the first input element, an axis."""
        result: list[Any] = []
        for axis, size in enumerate(self.sizes):
            if self.padding == "valid":
                result.append(0)
            elif self.padding == "causal":
                result.append(self._extent(axis) - 1)
            else:
                out = self.output_sizes[axis]
                total = (out - 1) * self.strides[axis] + self._extent(axis) - size
                result.append(_at_least_zero(total) // 2)
        return tuple(result)

    def read_by(self, tap: tuple[int, ...], output: Any) -> tuple[Any, Any]:
        """Returns where `tap` of each output pixel reads, and whether that is inside the input.

        Args:
            tap: Coordinates of the kernel tap.
            output: int32 tensor `(n,)`, flat indices over (batch, *output_sizes).

        Returns:
            Flat indices over (batch, *sizes), clipped into the input, and a boolean mask which is
            False where the tap reads padding. Both of shape `(n,)`.
        """
        batch, coordinates = unravel(output, self.output_sizes)
        reads = [
            o * stride + t * dilation - before
            for o, t, stride, dilation, before in zip(
                coordinates,
                tap,
                self.strides,
                self.dilation_rate,
                self.padding_before,
                strict=True,
            )
        ]
        return ravel(batch, reads, self.sizes)

    def phases(self) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """Returns the step between input elements that the same taps read, and its residues.

        With a stride, an input element is read by some taps only, and which ones depends on its
        coordinate modulo the stride. An axis of unknown size has a padding that is unknown when
        the graph is built, so there every tap is tried (step 1).
        """
        step = tuple(
            s if isinstance(size, int) else 1
            for s, size in zip(self.strides, self.sizes, strict=True)
        )
        return step, list(itertools.product(*(range(s) for s in step)))

    def never_read(
        self, tap: tuple[int, ...], step: tuple[int, ...], phase: tuple[int, ...]
    ) -> bool:
        """Returns whether no output reads the elements of `phase` through `tap`."""
        for axis, stride in enumerate(self.strides):
            if step[axis] != stride or not isinstance(self.padding_before[axis], int):
                continue
            position = phase[axis] + self.padding_before[axis]
            if (position - tap[axis] * self.dilation_rate[axis]) % stride:
                return True
        return False

    def reader(self, tap: tuple[int, ...], batch: Any, coordinates: list[Any]) -> tuple[Any, Any]:
        """Returns which output pixel reads each input element through `tap`, and whether one does.

        Args:
            tap: Coordinates of the kernel tap.
            batch: int32 tensor `(n,)`, batch index of the input elements.
            coordinates: An int32 tensor `(n,)` an axis, input coordinates.

        Returns:
            Flat indices over (batch, *output_sizes), clipped, and a boolean mask, both `(n,)`.
        """
        outputs = []
        divisible = None
        for axis, coordinate in enumerate(coordinates):
            offset = coordinate + self.padding_before[axis] - tap[axis] * self.dilation_rate[axis]
            stride = self.strides[axis]
            outputs.append(offset // stride if stride > 1 else offset)
            if stride > 1:
                exact = ops.equal(offset % stride, 0)
                divisible = exact if divisible is None else ops.logical_and(divisible, exact)
        index, inside = ravel(batch, outputs, self.output_sizes)
        return index, inside if divisible is None else ops.logical_and(inside, divisible)


def read_windows(x: Any, windows: Windows) -> list[Any]:
    """Returns what each tap reads at all positions of the output, 0 where that is padding.

    Args:
        x: Tensor `(batch, *sizes, channels)` of known sizes.
        windows: The windows over it.

    Returns:
        A tensor `(batch, *output_sizes, channels)` for each of `windows.taps`.
    """
    axes = list(
        zip(
            windows.sizes,
            windows.output_sizes,
            windows.padding_before,
            windows.kernel_size,
            windows.strides,
            windows.dilation_rate,
            strict=True,
        )
    )
    pads = []
    for size, output, before, taps, stride, dilation in axes:
        end = (output - 1) * stride + (taps - 1) * dilation + 1
        pads.append((before, max(end - size - before, 0)))
    padded = ops.pad(x, [(0, 0), *pads, (0, 0)])
    result = []
    for tap in windows.taps:
        read = [
            slice(t * dilation, t * dilation + (output - 1) * stride + 1, stride)
            for t, (_, output, _, _, stride, dilation) in zip(tap, axes, strict=True)
        ]
        result.append(padded[(slice(None), *read)])
    return result


def unravel(index: Any, sizes: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    """Splits flat indices over (batch, *sizes) into a batch index and one index an axis."""
    coordinates = []
    for size in reversed(sizes):
        coordinates.append(index % size)
        index = index // size
    return index, coordinates[::-1]


def ravel(batch: Any, coordinates: list[Any], sizes: tuple[Any, ...]) -> tuple[Any, Any]:
    """Joins coordinates into flat indices, and says which of them lie inside `sizes`."""
    index = batch
    inside = None
    for coordinate, size in zip(coordinates, sizes, strict=True):
        here = ops.logical_and(coordinate >= 0, coordinate < size)
        inside = here if inside is None else ops.logical_and(inside, here)
        index = index * size + ops.minimum(ops.maximum(coordinate, 0), size - 1)
    return index, inside
