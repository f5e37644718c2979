"""Numbers of elementary operations."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operations:
    """Numbers of multiplications, additions and bit shifts.

    Subtractions and comparisons (`ReLU`, max pooling) count as additions: the same adder does
    them. Instances add up, and multiply by an integer.

    Args:
        multiply: number of multiplications.
        add: number of additions, subtractions and comparisons.
        shift: number of bit shifts.

    Example:

    >>> Operations(multiply=2, add=2) + 3 * Operations(shift=1, add=1)
    Operations(multiply=2, add=5, shift=3)
    """

    multiply: int = 0
    add: int = 0
    shift: int = 0

    def __add__(self, other: "Operations") -> "Operations":
        if not isinstance(other, Operations):
            return NotImplemented
        return Operations(
            self.multiply + other.multiply, self.add + other.add, self.shift + other.shift
        )

    def __mul__(self, times: int) -> "Operations":
        if not isinstance(times, int):
            return NotImplemented
        return Operations(self.multiply * times, self.add * times, self.shift * times)

    __rmul__ = __mul__

    @property
    def total(self) -> int:
        """All operations together."""
        return self.multiply + self.add + self.shift


NO_OPERATIONS = Operations()
