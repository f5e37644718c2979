"""Architectures as integers, which a compiled supernet reads at run time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._space.networks import BlockPlan

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace


class Column(NamedTuple):
    """Where the integers of a block stand."""

    branch: int = 0
    operator: int = 1
    kernel_size: int = 2
    in_width: int = 3
    hidden_width: int = 4
    width: int = 5


COLUMNS = Column()


def branches(operators: Sequence[str], kernel_sizes: Sequence[int]) -> list[str]:
    """What a block of a supernet can do, a branch each.

    Convolution and shift are one branch: they differ in the weights only. An adder layer cannot
    mask the taps of a smaller window (a masked weight still has a distance), so each window has a
    branch of its own.
    """
    result = ["skip"]
    if {"conv", "shift"} & set(operators):
        result.append("convolution")
    if "adder" in operators:
        result += [f"adder{size}" for size in kernel_sizes]
    if "attention" in operators:
        result.append("attention")
    return result


def encode(space: "HybridSpace", architecture: Architecture) -> np.ndarray:
    """The integers of an architecture: int32 `(positions, len(Column))`.

    A position is a block of the deepest network of the space; positions that the architecture
    does not use have the branch "skip".
    """
    return encode_plans(space, architecture, space.plan(architecture), space.operators)


def encode_plans(
    space: "HybridSpace",
    architecture: Architecture,
    plans: Sequence[BlockPlan],
    operators: Sequence[str],
) -> np.ndarray:
    """The integers of the blocks of an architecture with sizes of their own.

    Args:
        space: the space.
        architecture: which blocks there are.
        plans: their sizes, in the order of execution.
        operators: what they may be.
    """
    rows = []
    remaining = iter(plans)
    for i, stage in enumerate(architecture["stages"]):
        for j in range(space.depths[i][-1]):
            row = [0] * len(COLUMNS)
            if j < len(stage["blocks"]):
                plan = next(remaining)
                named = plan.operator
                if named in ("conv", "shift"):
                    named = "convolution"
                elif named == "adder":
                    named = f"adder{plan.kernel_size}"
                offered = space.block_operators(i, j)
                choices = [o for o in operators if o in offered] or operators
                row[COLUMNS.branch] = branches(choices, space.kernel_sizes).index(named)
                row[COLUMNS.operator] = operators.index(plan.operator)
                if plan.kernel_size is not None:
                    row[COLUMNS.kernel_size] = space.kernel_sizes.index(plan.kernel_size)
                row[COLUMNS.in_width] = plan.in_width
                row[COLUMNS.hidden_width] = plan.hidden_width or 0
                row[COLUMNS.width] = plan.width
            rows.append(row)
    return np.asarray(rows, np.int32)
