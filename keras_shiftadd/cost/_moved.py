"""Activations that a layer moves."""

from typing import NamedTuple


class Moved(NamedTuple):
    """Numbers of activations that a layer reads and writes."""

    read: int = 0
    written: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.read + self.written


NOTHING_MOVED = Moved()
