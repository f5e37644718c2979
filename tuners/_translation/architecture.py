"""Genes of transformers, and their values as a plain dictionary."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from keras_shiftadd.tuners._space.architecture import check_values
from keras_shiftadd.tuners._space.genes import Architecture, Gene, Values

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace

SIDES = ("encoder", "decoder")
BLOCK_KEYS = ("operator", "num_heads", "hidden_units", "projection", "feed_forward")


def block_name(side: str, block: int) -> str:
    """Prefix of a block's genes."""
    return f"{side}/block_{block}"


def list_genes(space: "TranslationSpace") -> tuple[Gene, ...]:
    """All choices of a space; a parent stands before what depends on it."""
    genes = [Gene("embedding_dim", space.embedding_dims)]
    for side in SIDES:
        depths = space.depths[side]
        depth = Gene(f"{side}/depth", depths)
        genes.append(depth)
        choices: dict[str, tuple[Any, ...]] = {
            "operator": space.block_operators[side],
            "num_heads": space.num_heads,
            "hidden_units": space.hidden_units,
            "projection": space.projections,
            "feed_forward": space.feed_forwards,
        }
        for j in range(depths[-1]):
            deep_enough = tuple(d for d in depths if d > j)
            name = block_name(side, j)
            genes += [
                Gene(f"{name}/{key}", choices[key], depth.name, deep_enough) for key in BLOCK_KEYS
            ]
    return tuple(genes)


def to_architecture(values: Values) -> Architecture:
    """The dictionary of complete values."""
    result: Architecture = {"embedding_dim": values["embedding_dim"]}
    for side in SIDES:
        result[side] = [
            {key: values[f"{block_name(side, j)}/{key}"] for key in BLOCK_KEYS}
            for j in range(int(values[f"{side}/depth"]))
        ]
    return result


def to_values(architecture: Any, genes: Mapping[str, Gene]) -> Values:
    """The gene values that an architecture names; the inverse of `to_architecture`.

    Raises:
        ValueError: If it is no architecture of a space with these genes.
    """
    if (
        not isinstance(architecture, dict)
        or set(architecture) != {"embedding_dim", *SIDES}
        or not all(isinstance(architecture[side], list) for side in SIDES)
    ):
        raise ValueError(
            'An architecture must be {"embedding_dim": integer, "encoder": [...], "decoder": '
            f"[...]}}. Received: {architecture!r}"
        )
    values: Values = {"embedding_dim": architecture["embedding_dim"]}
    for side in SIDES:
        values[f"{side}/depth"] = len(architecture[side])
        for j, block in enumerate(architecture[side]):
            if not isinstance(block, dict) or not set(block) <= set(BLOCK_KEYS):
                raise ValueError(
                    f"Block {j} of the {side} must be a dictionary of {BLOCK_KEYS}. "
                    f"Received: {block!r}"
                )
            values.update({f"{block_name(side, j)}/{key}": v for key, v in block.items()})
    check_values(values, genes)
    return values
