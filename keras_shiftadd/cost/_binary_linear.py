"""Counting of attention over binary codes, in time linear in the tokens.

The codes are signs, so that a product with one is an addition or a subtraction: the sums over
tokens and over bits are additions. Halving the values is a shift.
"""

import math
from typing import Any

from keras_shiftadd.cost._attention_projections import (
    attention_inputs,
    has_key,
    make_projection,
    projection_tail,
)
from keras_shiftadd.cost._operations import Operations
from keras_shiftadd.cost._steps import Steps
from keras_shiftadd.cost._trace import Call
from keras_shiftadd.cost._work import Phase, Work

# Square, accumulate and scale.
_UNIT_LENGTH = Operations(multiply=2, add=1)


def binary_linear_attention(layer: Any, call: Call) -> Work:
    """Counts a call of `HybridAttention` with `similarity="binary_linear"`."""
    query, _, _ = attention_inputs(layer, call)
    positions = math.prod(query[1:-1])
    heads, bits = layer.num_heads, layer.key_dim
    if layer.hashing == "kernel":
        bits = layer.hash_bits
    key_units, value_units = heads * layer.key_dim, heads * layer.value_dim
    sizes = {
        "query": (positions, query[-1], key_units),
        "value": (positions, query[-1], value_units),
        "output": (positions, value_units, math.prod(call.output_shape[1:]) // positions),
    }
    kinds = {**layer.projections, "gate": layer.projections["query"]}
    if layer.use_gate:
        sizes["gate"] = (positions, query[-1], value_units)
    projections = {
        place: make_projection(layer, kinds[place], size) for place, size in sizes.items()
    }
    # A key of its own goes through the projection and the hash of the query.
    hashed = 2 if has_key(layer, call) else 1
    context = positions * value_units
    additions = Operations(add=2 * positions * heads * bits * layer.value_dim)
    ends = (
        context * Operations(multiply=1, add=1, shift=1)  # halved, scaled, added
        + context * _UNIT_LENGTH
        + hashed * positions * key_units * _UNIT_LENGTH
    )
    if layer.use_gate:
        ends = ends + Operations(multiply=context)
    hashing, hash_parameters = _hash(layer, hashed * positions)
    branch: tuple[Steps, ...] = ()
    if layer.value_kernel_size is not None:
        count = context * layer.value_kernel_size
        weights = layer.value_kernel_size * heads
        branch = (Steps("conv", count, count, weights, inputs=context, outputs=context),)
        ends = ends + Operations(add=context)
    tails = [projection_tail(layer, place, p.outputs) for place, p in projections.items()]

    def parts(ordinary: bool) -> tuple[Steps, ...]:
        own = [
            p.steps("conv", None) if ordinary else p.steps(p.operator, p.weight_bits)
            for p in projections.values()
        ]
        return (own[0].times(hashed), own[1], *own[3:], *hashing, *branch, own[2])

    changed = any(p.operator != "conv" for p in projections.values())
    parameters = sum(p.channels * p.units for p in projections.values()) + hash_parameters
    parameters += sum(extra for _, extra in tails) + sum(part.weights for part in branch)
    state = heads * bits * layer.value_dim
    codes = hashed * positions * heads * bits
    missing = ["square roots and divisions of vectors brought to length one"]
    if layer.hashing == "kernel":
        similarities = hashed * positions * heads * layer.num_anchors
        missing.append(f"exponentials of {similarities} Gaussian similarities")
    return Work(
        steps=parts(ordinary=False),
        elementwise=sum((operations for operations, _ in tails), additions + ends),
        missing=tuple(missing),
        twin_steps=parts(ordinary=True) if changed else None,
        parameters=parameters,
        phases=(
            Phase(inner=codes + context, output=False),
            Phase(inputs=False, inner=codes + context + state, output=False),
            Phase(inputs=False, inner=codes + 2 * context + state, output=False),
            Phase(inputs=False, inner=context),
        ),
    )


def _hash(layer: Any, positions: int) -> tuple[tuple[Steps, ...], int]:
    """Steps and parameters of a kernel hash; the vanilla one takes signs alone."""
    if layer.hashing != "kernel":
        return (), 0
    similarities = layer.num_heads * layer.num_anchors
    pairs = ((layer.key_dim, similarities), (layer.num_anchors, layer.num_heads * layer.hash_bits))
    steps = []
    for size, outputs in pairs:
        count, weights = positions * size * outputs, size * outputs
        steps.append(
            Steps(
                "conv",
                count,
                count,
                weights,
                inputs=positions * layer.num_heads * size,
                outputs=positions * outputs,
            )
        )
    return tuple(steps), sum(step.weights for step in steps)
