"""Spaces whose networks are built and counted in no time."""

import dataclasses

from keras_shiftadd.tuners import HybridSpace

ALL_OPERATORS = ("conv", "shift", "adder", "attention")


def small_space(input_shape=(8, 8, 3), operators=ALL_OPERATORS, preset="tiny", **options):
    """Two stages of one or two blocks; the second stage may choose attention."""
    arguments = {
        "stem_width": 4,
        "stem_stride": 1,
        "widths": ((4, 8), (8, 12)),
        "depths": ((1, 2), (1, 2)),
        "strides": (2, 1),
        "kernel_sizes": (3, 5),
        "expansions": (1, 2),
        "attention_stages": 1,
        "num_heads": 2,
        "key_dim": 3,
    }
    return HybridSpace(input_shape, 3, operators, preset, **{**arguments, **options})


def small_bossnas(total_depth=6, input_shape=(16, 16, 3), operators=ALL_OPERATORS, **options):
    """The preset "bossnas" with fewer channels and blocks."""
    arguments = {
        "stem_width": 4,
        "widths": ((4,), (8,), (8,)),
        "depths": ((1, 2, 3, 4),) * 3,
        "strides": (1, 2, 1),
        "expansions": (2,),
        "attention_stages": 2,
        "num_heads": 1,
        "key_dim": 2,
    }
    arguments = {**arguments, **options}
    return HybridSpace(input_shape, 3, operators, "bossnas", total_depth=total_depth, **arguments)


def without_random_weights(space):
    """The same space; the kernels of its networks are zero, which JAX makes faster."""
    space.options = dataclasses.replace(space.options, initializer="zeros")
    return space


def edited(architecture, stage, block, **changes):
    """A copy with other values in one block; None drops a key."""
    stages = [{**s, "blocks": [dict(b) for b in s["blocks"]]} for s in architecture["stages"]]
    chosen = stages[stage]["blocks"][block]
    for key, value in changes.items():
        if value is None:
            chosen.pop(key, None)
        else:
            chosen[key] = value
    return {"stages": stages}
