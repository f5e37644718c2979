"""Costs of the architectures of a space, summed over parts that are built and counted once.

A network of a space is a chain of parts (stem, blocks, head) joined by one tensor each, so its cost
is that of the parts one after the other. A search asks for thousands of costs; the distinct parts
are some hundred.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_shiftadd.cost import Budget, Cost, OperationCounts, count_operations
from keras_shiftadd.tuners._space import networks
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._space.networks import BlockPlan

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace

_Part = tuple[Any, ...]


class _Nothing(keras.initializers.Initializer):
    """Zeros made by NumPy. Counting needs shapes only, and JAX compiles a random one for each."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.zeros(shape, keras.backend.standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {}


class SpaceCosts:
    """Costs of the architectures of one space."""

    def __init__(self, space: "HybridSpace") -> None:
        self._space = space
        self._options = replace(space.options, initializer=_Nothing())
        self._counts: dict[_Part, OperationCounts] = {}
        self._costs: dict[tuple[Budget, _Part], Cost] = {}

    def of(self, architecture: Architecture, budget: Budget) -> Cost:
        """The cost of an architecture."""
        self._space.validate(architecture)
        costs = [self._cost(("stem",), budget)]
        in_width = self._space.stem_width
        for i, stage in enumerate(architecture["stages"]):
            for j, choice in enumerate(stage["blocks"]):
                part = self._block(i, j, in_width, stage["width"], choice)
                costs.append(self._cost(part, budget))
                in_width = stage["width"]
        costs.append(self._cost(("head", in_width), budget))
        return Cost.sequence(costs)

    def cheapest(self, budget: Budget, limit: str) -> Architecture:
        """The architecture that needs the least of one limit of a budget.

        Stage by stage, over the widths and the numbers of blocks so far: costs add up (RAM is a
        maximum), and a part depends on no other choice than the width before it.
        """
        space = self._space

        def amount(part: _Part) -> float:
            return float(getattr(self._cost(part, budget), limit))

        def join(first: float, second: float) -> float:
            return max(first, second) if limit == "ram" else first + second

        # (width, blocks so far) -> (amount, stages of the architecture)
        start = (space.stem_width, 0)
        best: dict[tuple[int, int], tuple[float, list[Any]]] = {start: (amount(("stem",)), [])}
        for i, depths in enumerate(space.depths):
            following: dict[tuple[int, int], tuple[float, list[Any]]] = {}
            for (in_width, before), (total, stages) in best.items():
                for width in space.widths[i]:
                    blocks = [
                        self._cheapest_block(i, 0, in_width, width, amount),
                        self._cheapest_block(i, 1, width, width, amount)
                        if depths[-1] > 1
                        else (0.0, {}),
                    ]
                    for depth in depths:
                        spent = join(total, blocks[0][0])
                        for _ in range(depth - 1):
                            spent = join(spent, blocks[1][0])
                        chosen = [blocks[0][1]] + [dict(blocks[1][1]) for _ in range(depth - 1)]
                        key = (width, before + depth)
                        if key not in following or spent < following[key][0]:
                            stage = {"width": width, "blocks": chosen}
                            following[key] = (spent, [*stages, stage])
            best = following
        ends = [
            (join(total, amount(("head", width))), stages)
            for (width, depth), (total, stages) in best.items()
            if space.total_depth in (None, depth)
        ]
        return space.validate({"stages": min(ends, key=lambda end: end[0])[1]})

    def _cheapest_block(
        self, stage: int, block: int, in_width: int, width: int, amount: Any
    ) -> tuple[float, dict[str, Any]]:
        """The cheapest choice of a block; windows and hidden channels cost more where larger."""
        space = self._space
        narrow = space.expansions[-1 if space.block == "bottleneck" else 0]
        options = []
        for operator in space.block_operators(stage, block):
            choice: dict[str, Any] = {"operator": operator}
            if operator != "attention":
                choice["kernel_size"] = space.kernel_sizes[0]
            if operator != "attention" or space.block == "bottleneck":
                choice["expansion"] = narrow
            part = self._block(stage, block, in_width, width, choice)
            options.append((amount(part), choice))
        return min(options, key=lambda option: option[0])

    def _block(
        self, stage: int, block: int, in_width: int, width: int, choice: Any
    ) -> tuple[str, BlockPlan, tuple[int, int]]:
        # Blocks of a stage that differ only in their place share their costs.
        plan = self._space.plan_block(stage, min(block, 1), in_width, width, choice)
        first = 0 if block == 0 else 1
        return ("block", plan, self._space.resolutions[stage + first])

    def _cost(self, part: _Part, budget: Budget) -> Cost:
        key = (budget, part)
        if key not in self._costs:
            self._costs[key] = budget.estimate(self._count(part))
        return self._costs[key]

    def _count(self, part: _Part) -> OperationCounts:
        if part not in self._counts:
            self._counts[part] = count_operations(self._build(part))
        return self._counts[part]

    def _build(self, part: _Part) -> keras.Model:
        space = self._space
        if part[0] == "stem":
            inputs = keras.Input(space.input_shape)
            return keras.Model(inputs, space.build_stem(inputs, self._options))
        if part[0] == "head":
            inputs = keras.Input((*space.resolutions[-1], part[1]))
            return keras.Model(inputs, networks.head(inputs, space.num_classes, self._options))
        _, plan, resolution = part
        inputs = keras.Input((*resolution, plan.in_width))
        return keras.Model(inputs, networks.block(inputs, plan, self._options))
