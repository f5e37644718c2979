"""Activations that a layer moves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Moved:
    """Numbers of activations that a layer reads and writes. They add up.

    Args:
        read: activations that are read.
        written: activations that are written.
    """

    read: int = 0
    written: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.read + other.read, self.written + other.written)

    @property
    def total(self) -> int:
        """Both together."""
        return self.read + self.written


NOTHING_MOVED = Moved()
