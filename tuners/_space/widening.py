"""The wide networks around the tiny ones of a space: the factors, and what they make."""

from dataclasses import replace
from typing import TYPE_CHECKING

from keras_shiftadd.tuners._space.genes import Architecture, Gene
from keras_shiftadd.tuners._space.networks import BlockPlan

if TYPE_CHECKING:
    from keras_shiftadd.tuners.augmentation_space import AugmentationSpace

WIDTH_MULTIPLE = "width_multiple"
EXPANSION_MULTIPLE = "expansion_multiple"
# The layers that make the channels inside a block, and those that it returns.
_HIDDEN = {"inverted_residual": ("expand",), "bottleneck": ("reduce", "spatial")}
_OUTER = {"inverted_residual": "project", "bottleneck": "restore"}


def add_widening(
    genes: tuple[Gene, ...],
    width_multiples: tuple[float, ...],
    expansion_multiples: tuple[float, ...],
) -> tuple[Gene, ...]:
    """The genes of a tiny space, and those of the factors."""
    result: list[Gene] = []
    for gene in genes:
        result.append(gene)
        name, kind = gene.name.rsplit("/", 1)
        if kind == "width":
            result.append(Gene(f"{name}/{WIDTH_MULTIPLE}", width_multiples))
        elif kind == "expansion":
            more = replace(
                gene, name=f"{name}/{EXPANSION_MULTIPLE}", choices=tuple(expansion_multiples)
            )
            result.append(more)
    return tuple(result)


def tiny_part(architecture: Architecture) -> Architecture:
    """An architecture without its factors."""
    return {
        "stages": [
            {
                "width": stage["width"],
                "blocks": [
                    {key: value for key, value in block.items() if key != EXPANSION_MULTIPLE}
                    for block in stage["blocks"]
                ],
            }
            for stage in architecture["stages"]
        ]
    }


def wide_plan(space: "AugmentationSpace", architecture: Architecture) -> list[BlockPlan]:
    """The blocks of the wide network of an architecture."""
    blocks = [
        (stage[WIDTH_MULTIPLE], block[EXPANSION_MULTIPLE], block["expansion"])
        for stage in architecture["stages"]
        for block in stage["blocks"]
    ]
    plans, in_width = [], space.stem_width
    for plan, (width_multiple, multiple, expansion) in zip(
        space.plan(architecture), blocks, strict=True
    ):
        width = times(plan.width, width_multiple)
        hidden = wide_hidden(space.block, in_width, width, expansion, multiple)
        plans.append(
            replace(plan, operator="conv", in_width=in_width, hidden_width=hidden, width=width)
        )
        in_width = width
    return plans


def wide_hidden(block: str, in_width: int, width: int, expansion: int, multiple: float) -> int:
    """Channels inside a block of a wide network."""
    if block == "bottleneck":
        return times(width, multiple / expansion)
    return times(in_width, expansion * multiple)


def times(size: int, multiple: float) -> int:
    """A number of channels times a factor."""
    return round(size * multiple)


def layer_widths(plans: list[BlockPlan], wide_plans: list[BlockPlan]) -> dict[str, float]:
    """Factors by the names of the layers that make channels."""
    result: dict[str, float] = {}
    for plan, wide in zip(plans, wide_plans, strict=True):
        assert plan.hidden_width is not None
        assert wide.hidden_width is not None
        for name in _HIDDEN[plan.block]:
            result[f"{plan.name}_{name}"] = wide.hidden_width / plan.hidden_width
        result[f"{plan.name}_{_OUTER[plan.block]}"] = wide.width / plan.width
    return result
