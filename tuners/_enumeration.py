"""All architectures of a small space, for the end of a search that has tried nearly all."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._genes import Architecture, Gene, Values

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace


def all_architectures(space: "HybridSpace", most: int) -> list[Architecture] | None:
    """Every architecture of a space, or None where there are more than `most`.

    Choices that the space repairs to one architecture make it appear several times.
    """
    found = list(itertools.islice(_assignments(space.genes, 0, {}), most + 1))
    if len(found) > most:
        return None
    return [space.architecture(values) for values in found]


def _assignments(genes: tuple[Gene, ...], first: int, values: Values) -> Iterator[Values]:
    for place in range(first, len(genes)):
        gene = genes[place]
        if gene.is_active(values):
            for choice in gene.choices:
                yield from _assignments(genes, place + 1, {**values, gene.name: choice})
            return
    yield values
