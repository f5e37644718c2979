"""Channels of a network that can only be widened together."""

from collections.abc import Sequence
from typing import Any


class Group:
    """Channels that one layer makes and others must match.

    Args:
        size: number of channels of the tiny network.
        name: the layer that makes them.
    """

    def __init__(self, size: int, name: str) -> None:
        self.size = size
        self.name = name
        self._parent: Group | None = None
        self._reason: str | None = None
        self._source: tuple[Group, ...] = ()
        self._hidden = False

    @property
    def root(self) -> "Group":
        """The group that this one was joined to."""
        group = self
        while group._parent is not None:
            group = group._parent
        return group

    @property
    def reason(self) -> str | None:
        """Why these channels keep their number; None if they can be widened."""
        return self.root._reason

    def keep(self, reason: str) -> None:
        """Keeps the number of channels."""
        if self.root._reason is None:
            self.root._reason = reason

    def join(self, other: "Group") -> None:
        """Widens both as one from now on."""
        first, second = self.root, other.root
        if first is second:
            return
        second._parent = first
        first._reason = first._reason or second._reason
        first._hidden = first._hidden and second._hidden
        first._source = first._source or second._source

    @property
    def is_hidden(self) -> bool:
        """Whether these are the channels inside a block: those of a depthwise layer."""
        return self.root._hidden

    def hide(self) -> None:
        """Marks the channels as those inside a block."""
        self.root._hidden = True

    @property
    def source(self) -> tuple["Group", ...]:
        """The channels that the layer reads which makes these."""
        return self.root._source

    def reads(self, layout: "Layout") -> None:
        """Notes what the layer reads which makes these channels."""
        self.root._source = tuple(layout)


Layout = tuple[Group, ...]
"""The channels of a tensor: several groups where tensors were concatenated."""


def size(layout: Layout) -> int:
    """Channels of the tiny network."""
    return sum(group.size for group in layout)


def keep(layout: Layout, reason: str) -> None:
    """Keeps the numbers of all channels."""
    for group in layout:
        group.keep(reason)


def join(layouts: Sequence[Layout], name: str) -> Layout:
    """The layout of several tensors that must match."""
    first = layouts[0]
    for other in layouts[1:]:
        if [group.size for group in first] == [group.size for group in other]:
            for one, two in zip(first, other, strict=True):
                one.join(two)
        else:
            reason = f"'{name}' combines channels that were concatenated in different ways"
            keep(first, reason)
            keep(other, reason)
    return first


class Widths:
    """The number of channels of each group in one wide network.

    Args:
        numbers: by group; groups that are missing keep theirs.
    """

    def __init__(self, numbers: dict[Group, int]) -> None:
        self._numbers = numbers

    def __getitem__(self, group: Group) -> int:
        return self._numbers.get(group.root, group.size)

    def total(self, layout: Layout) -> int:
        """Channels of a tensor."""
        return sum(self[group] for group in layout)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Widths) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(frozenset(self._numbers.items()))


def is_widened(layout: Layout) -> bool:
    """Whether any channels can be widened."""
    return any(group.reason is None for group in layout)
