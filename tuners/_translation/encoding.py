"""Architectures of transformers as integers, which a compiled supernet reads at run time."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_shiftadd.layers._lightweight_kernel import LIGHTWEIGHT_OPERATORS
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._translation.architecture import SIDES

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace


class Column(NamedTuple):
    """Where the integers of a block stand."""

    # Whether the network has this block.
    used: int = 0
    # Number of the embedding's size among the choices, and the size.
    embedding: int = 1
    width: int = 2
    # Whether there is attention; which convolution, 0 for none, else one of
    # `LIGHTWEIGHT_OPERATORS` counted from 1.
    attends: int = 3
    convolution: int = 4
    # Channels and heads of each of the two: all of them, or one half.
    part_width: int = 5
    part_heads: int = 6
    heads: int = 7
    hidden_units: int = 8
    # Whether the projections, and those of the feed-forward part, shift.
    shifts: int = 9
    feed_forward_shifts: int = 10


COLUMNS = Column()


def encode(space: "TranslationSpace", architecture: Architecture) -> np.ndarray:
    """The integers of an architecture: int32 `(blocks, len(Column))`.

    The blocks are those of the deepest network, of the encoder first. Those that the architecture
    does not have are like the first one of their side, and not used.
    """
    size = architecture["embedding_dim"]
    rows = []
    for side in SIDES:
        blocks = architecture[side]
        for j in range(space.depths[side][-1]):
            used = j < len(blocks)
            block = blocks[j if used else 0]
            parts = block["operator"].split("+")
            convolution = 0
            if parts[-1] != "attention":
                convolution = 1 + LIGHTWEIGHT_OPERATORS.index(parts[-1])
            row = Column(
                used=int(used),
                embedding=space.embedding_dims.index(size),
                width=size,
                attends=int("attention" in parts),
                convolution=convolution,
                part_width=size // len(parts),
                part_heads=max(1, block["num_heads"] // len(parts)),
                heads=block["num_heads"],
                hidden_units=block["hidden_units"],
                shifts=int(block["projection"] == "shift"),
                feed_forward_shifts=int(block["feed_forward"] == "shift"),
            )
            rows.append(row)
    return np.asarray(rows, np.int32)
