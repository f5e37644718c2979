"""An architecture as a plain dictionary, and as the values of the genes."""

from collections.abc import Mapping
from typing import Any

from keras_shiftadd.tuners._space.genes import Architecture, Gene, Values, block_name, stage_name

_STAGE_KEYS = ("width", "width_multiple")
_BLOCK_KEYS = ("operator", "kernel_size", "expansion", "expansion_multiple")


def to_architecture(values: Mapping[str, Any], stages: int) -> Architecture:
    """The dictionary of complete values."""
    result = []
    for i in range(stages):
        stage = stage_name(i)
        blocks = []
        for j in range(int(values[f"{stage}/depth"])):
            name = block_name(i, j)
            blocks.append(
                {k: values[f"{name}/{k}"] for k in _BLOCK_KEYS if f"{name}/{k}" in values}
            )
        kept = {k: values[f"{stage}/{k}"] for k in _STAGE_KEYS if f"{stage}/{k}" in values}
        result.append({**kept, "blocks": blocks})
    return {"stages": result}


def to_values(architecture: Any, genes: Mapping[str, Gene], stages: int) -> Values:
    """The gene values that an architecture names; the inverse of `to_architecture`.

    Raises:
        ValueError: If it is no architecture of a space with these genes.
    """
    given = architecture.get("stages") if isinstance(architecture, dict) else None
    if not isinstance(given, list) or len(given) != stages:
        raise ValueError(
            f'An architecture must be a dictionary {{"stages": [...]}} with {stages} stages. '
            f"Received: {architecture!r}"
        )
    values: Values = {}
    for i, stage in enumerate(given):
        if (
            not isinstance(stage, dict)
            or not {"width", "blocks"} <= set(stage) <= {*_STAGE_KEYS, "blocks"}
            or not isinstance(stage["blocks"], list)
        ):
            raise ValueError(
                f'Stage {i} must be {{"width": integer, "blocks": [...]}}. Received: {stage!r}'
            )
        values.update({f"{stage_name(i)}/{k}": stage[k] for k in _STAGE_KEYS if k in stage})
        values[f"{stage_name(i)}/depth"] = len(stage["blocks"])
        for j, block in enumerate(stage["blocks"]):
            if not isinstance(block, dict) or not set(block) <= set(_BLOCK_KEYS):
                raise ValueError(
                    f"Block {j} of stage {i} must be a dictionary of {_BLOCK_KEYS}. "
                    f"Received: {block!r}"
                )
            values.update({f"{block_name(i, j)}/{key}": value for key, value in block.items()})
    check_values(values, genes)
    return values


def check_values(values: Values, genes: Mapping[str, Gene]) -> None:
    """Raises ValueError unless values are those of all genes that exist together."""
    expected = {name for name, gene in genes.items() if gene.is_active(values)}
    # A gene whose parent is not there is not there either.
    expected = {name for name in expected if _has_parents(genes[name], genes, expected)}
    for name in genes:
        if name in expected and name not in values:
            raise ValueError(f"An architecture must say what {name!r} is. Received: nothing.")
    for name in values:
        gene = genes.get(name)
        if gene is None or name not in expected:
            raise ValueError(
                f"The space has no choice {name!r} beside the others of this architecture. "
                f"Received: {values[name]!r}"
            )
        value = values[name]
        of_another_kind = isinstance(value, float) and not isinstance(gene.choices[0], float)
        if value not in gene.choices or isinstance(value, bool) or of_another_kind:
            raise ValueError(
                f"{name!r} must be one of {gene.choices} in this space. Received: {value!r}"
            )


def _has_parents(gene: Gene, genes: Mapping[str, Gene], present: set[str]) -> bool:
    while gene.parent is not None:
        if gene.parent not in present:
            return False
        gene = genes[gene.parent]
    return True
