"""What a count leaves out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotCounted:
    """A layer, or a part of one, whose operations are in no count.

    Args:
        name: name of the layer.
        class_name: its class.
        reason: what is missing, and why.
    """

    name: str
    class_name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.class_name}): {self.reason}"
