"""Architectures of stages of blocks, whose depths may have to add up."""

import random
from collections.abc import Collection

from keras_shiftadd.tuners._space.architecture import to_architecture, to_values
from keras_shiftadd.tuners._space.genes import Architecture, Values, stage_name
from keras_shiftadd.tuners._space.search_space import SearchSpace


class StagedSpace(SearchSpace):
    """A space whose networks are stages of blocks.

    A subclass sets the attributes.
    """

    depths: tuple[tuple[int, ...], ...]
    strides: tuple[int, ...]
    total_depth: int | None

    def _to_architecture(self, values: Values) -> Architecture:
        return to_architecture(values, len(self.strides))

    def _read(self, architecture: Architecture) -> Values:
        values = to_values(architecture, self._by_name, len(self.strides))
        depth = sum(len(stage["blocks"]) for stage in architecture["stages"])
        if self.total_depth not in (None, depth):
            raise ValueError(
                f"All stages together must have {self.total_depth} blocks (`total_depth`). "
                f"Received: {depth}"
            )
        return values

    def _repair(self, values: Values, rng: random.Random | None, kept: Collection[str]) -> Values:
        if self.total_depth is None:
            return values
        result = dict(values)
        while True:
            depths = [int(result[f"{stage_name(i)}/depth"]) for i in range(len(self.depths))]
            surplus = sum(depths) - self.total_depth
            if surplus == 0:
                return result
            step = -1 if surplus > 0 else 1
            free = [i for i, depth in enumerate(depths) if depth + step in self.depths[i]]
            free = [i for i in free if f"{stage_name(i)}/depth" not in kept] or free
            stage = free[-1] if rng is None else rng.choice(free)
            result[f"{stage_name(stage)}/depth"] = depths[stage] + step
