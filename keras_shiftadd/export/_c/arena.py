"""Places buffers that live at different times in one stretch of memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ALIGNMENT = 4


@dataclass(frozen=True)
class Buffer:
    """Memory that is needed for a while.

    Args:
        name: What it holds, for reports.
        size: Bytes.
        first: Step in which it is written.
        last: Last step in which it is read; it is in memory from `first` to `last`.
    """

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: "Buffer") -> bool:
        """Whether both are in memory in some step."""
        return self.first <= other.last and other.first <= self.last


def place_buffers(buffers: Sequence[Buffer]) -> tuple[list[int], int]:
    """Offsets at which no two buffers that meet overlap, and the bytes that all take.

    Buffers are taken one after the other, each at the lowest offset that is free as long as it
    lives; of several orders the one that takes the least memory counts. No placement takes less
    than `most_at_once`.

    Args:
        buffers: What is to be placed.

    Returns:
        An offset a buffer, each a multiple of 4, and the size of the whole.
    """
    orders: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-buffers[i].size, buffers[i].first),
        lambda i: (buffers[i].first - buffers[i].last, -buffers[i].size),
        lambda i: (buffers[i].first, -buffers[i].size),
        lambda i: (-buffers[i].last, -buffers[i].size),
    )
    placements = (_placed(buffers, sorted(range(len(buffers)), key=order)) for order in orders)
    return min(placements, key=lambda placement: placement[1])


def most_at_once(buffers: Sequence[Buffer]) -> int:
    """Bytes of the buffers that are in memory in the same step, at most."""
    steps = {buffer.first for buffer in buffers}
    return max((bytes_in_step(buffers, step) for step in steps), default=0)


def bytes_in_step(buffers: Sequence[Buffer], step: int) -> int:
    """Bytes of the buffers that are in memory in a step."""
    return sum(aligned(b.size) for b in buffers if b.first <= step <= b.last)


def aligned(size: int) -> int:
    """A size rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def _placed(buffers: Sequence[Buffer], order: Sequence[int]) -> tuple[list[int], int]:
    offsets: dict[int, int] = {}
    for i in order:
        taken = sorted(
            (offsets[j], offsets[j] + aligned(buffers[j].size))
            for j in offsets
            if buffers[j].meets(buffers[i])
        )
        at = 0
        for start, end in taken:
            if at + aligned(buffers[i].size) <= start:
                break
            at = max(at, end)
        offsets[i] = at
    whole = max((offsets[i] + aligned(buffers[i].size) for i in offsets), default=0)
    return [offsets[i] for i in range(len(buffers))], whole
