"""Lists of architectures, for a search that has tried nearly all of them."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._space.genes import Architecture, Gene, Values

if TYPE_CHECKING:
    from keras_shiftadd.tuners._space.search_space import SearchSpace


def all_architectures(space: "SearchSpace", most: int) -> list[Architecture] | None:
    """Every architecture of a space, or None where there are more than `most`.

    Choices that the space repairs to one architecture make it appear several times.
    """
    found = list(itertools.islice(_assignments(space.genes, 0, {}), most + 1))
    if len(found) > most:
        return None
    return [space.architecture(values) for values in found]


def neighbours(space: "SearchSpace", architecture: Architecture) -> Iterator[Architecture]:
    """Yields what differs from an architecture in one choice."""
    values = space.values(architecture)
    for gene in space.genes:
        if gene.name in values:
            for choice in gene.choices:
                if choice != values[gene.name]:
                    yield space.architecture({**values, gene.name: choice})


def _assignments(genes: tuple[Gene, ...], first: int, values: Values) -> Iterator[Values]:
    for place in range(first, len(genes)):
        gene = genes[place]
        if gene.is_active(values):
            for choice in gene.choices:
                yield from _assignments(genes, place + 1, {**values, gene.name: choice})
            return
    yield values
