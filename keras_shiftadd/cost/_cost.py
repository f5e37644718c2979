"""What one inference costs."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one inference costs on a target.

    Args:
        energy_uj: energy in uJ, or None where the target has no energy model.
        instructions: executed instructions, or None where the target does not count them.
        flash: bytes of all weights as they are stored.
        ram: bytes of the activations that are in memory at a time, at most.

    Example:

    >>> first = Cost(energy_uj=1.0, instructions=None, flash=100, ram=800)
    >>> second = Cost(energy_uj=0.5, instructions=None, flash=50, ram=1000)
    >>> Cost.sequence([first, second])
    Cost(energy_uj=1.5, instructions=None, flash=150, ram=1000)
    """

    energy_uj: float | None
    instructions: float | None
    flash: int
    ram: int

    @classmethod
    def sequence(cls, costs: Iterable["Cost"]) -> "Cost":
        """The cost of parts that run one after the other, each joined to the next by one tensor.

        Energy, instructions and flash add up; of the RAM the most is needed.

        Args:
            costs: costs of the parts, all on one target.

        Returns:
            A `Cost`.

        Raises:
            ValueError: there are no parts, or some have an energy (or instructions) and some do
                not.
        """
        parts = tuple(costs)
        if not parts:
            raise ValueError("`costs` must have at least one `Cost`. Received: none")
        return cls(
            energy_uj=_sum([part.energy_uj for part in parts], "energy_uj"),
            instructions=_sum([part.instructions for part in parts], "instructions"),
            flash=sum(part.flash for part in parts),
            ram=max(part.ram for part in parts),
        )


def _sum(values: list[float | None], name: str) -> float | None:
    known = [value for value in values if value is not None]
    if known and len(known) < len(values):
        raise ValueError(
            "All costs of a sequence must be of one target. "
            f"Received: costs with and without {name}: {values}"
        )
    return sum(known) if known else None
