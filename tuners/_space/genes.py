"""The genes of a space: what can be chosen, between what, and under which condition."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Value = int | float | str
Values = dict[str, Value]
Architecture = dict[str, Any]


@dataclass(frozen=True)
class Gene:
    """One choice of a space.

    Args:
        name: name of the hyperparameter, such as `"stage_1/block_0/operator"`.
        choices: what it may be; numbers ascend.
        parent: name of the gene that it depends on, or None.
        parent_values: values of the parent with which it exists.
    """

    name: str
    choices: tuple[Value, ...]
    parent: str | None = None
    parent_values: tuple[Value, ...] = ()

    def is_active(self, values: Mapping[str, Value]) -> bool:
        """Whether it exists beside these values (those of genes before it)."""
        return self.parent is None or values.get(self.parent) in self.parent_values


def stage_name(stage: int) -> str:
    """Prefix of a stage's genes."""
    return f"stage_{stage}"


def block_name(stage: int, block: int) -> str:
    """Prefix of a block's genes."""
    return f"{stage_name(stage)}/block_{block}"


def complete(
    genes: tuple[Gene, ...], values: Mapping[str, Value], choose: Callable[[Gene], Value]
) -> Values:
    """Values of all genes that exist together, in the order of the genes.

    Args:
        genes: all genes; a parent stands before those that depend on it.
        values: values to keep; those of genes that do not exist beside the others are dropped.
        choose: gives the value of a gene that `values` lacks.
    """
    result: Values = {}
    for gene in genes:
        if gene.is_active(result):
            result[gene.name] = values[gene.name] if gene.name in values else choose(gene)
    return result
