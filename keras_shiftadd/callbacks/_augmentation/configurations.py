"""The wide networks around a tiny one: how many channels each layer has in each of them."""

import random
from collections.abc import Mapping, Sequence

import numpy as np

from keras_shiftadd.callbacks._augmentation.groups import Group, Widths


def draw(
    widened: Sequence[Group],
    widths: Sequence[float],
    expansions: Sequence[float] | None,
    seed: int,
) -> list[Widths]:
    """As many networks as there are widths; each group has each width in one of them.

    Args:
        widened: the groups of channels that can be widened.
        widths: factors.
        expansions: factors for the channels inside blocks, on top of those of the channels that
            the block reads; None draws them from `widths` like all others.
        seed: of the order.
    """
    rng = random.Random(seed)
    count = max(len(widths), len(expansions or ()))
    factors: dict[Group, list[float]] = {}
    for group in sorted(widened, key=lambda group: group.is_hidden):
        chosen = expansions if expansions and group.is_hidden else widths
        drawn = [chosen[i % len(chosen)] for i in range(count)]
        rng.shuffle(drawn)
        if expansions and group.is_hidden and group.source:
            read = [factors.get(g.root, [1.0] * count) for g in group.source]
            drawn = [
                factor * float(np.mean([of[i] for of in read])) for i, factor in enumerate(drawn)
            ]
        factors[group] = drawn
    return [
        Widths({group: _times(group, of[i]) for group, of in factors.items()}) for i in range(count)
    ]


def by_group(
    widths: Sequence[Mapping[str, float]], groups: Sequence[Group], model: str
) -> list[dict[Group, int]]:
    """The channels of each group where factors are given by the names of layers.

    Groups that no network names are kept.

    Args:
        widths: for each wide network, factors by the names of layers that make channels.
        groups: all groups of channels that are made.
        model: name of the model, for messages.

    Raises:
        ValueError: If a layer is not there or cannot be widened, or if layers that can only be
            widened together have different factors.
    """
    known = {group.name: group.root for group in groups}
    for name in dict.fromkeys(name for factors in widths for name in factors):
        if name not in known:
            raise ValueError(
                "`widths` must name layers that make channels, each with a factor. Received: "
                f"{name!r}; those of '{model}' are {', '.join(map(repr, known))}."
            )
        if known[name].reason is not None:
            raise ValueError(
                "`widths` must name layers whose channels can be widened. Received: "
                f"{name!r}, where they cannot: {known[name].reason}."
            )
    result = []
    for factors in widths:
        chosen: dict[Group, tuple[str, int]] = {}
        for name, factor in factors.items():
            number = _times(known[name], factor)
            other, wanted = chosen.setdefault(known[name], (name, number))
            if wanted != number:
                raise ValueError(
                    "`widths` must have the same factor for layers whose outputs are combined. "
                    f"Received: {factors[other]} for {other!r}, {factor} for {name!r}."
                )
        result.append({group: number for group, (_, number) in chosen.items()})
    named = {group for numbers in result for group in numbers}
    for group in groups:
        if group.root not in named:
            group.keep("`widths` does not name it")
    return result


def _times(group: Group, factor: float) -> int:
    return max(group.size, round(group.size * factor))
