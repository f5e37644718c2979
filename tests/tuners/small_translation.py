"""Small spaces of transformers, their supernets with random weights, and tokens."""

import numpy as np

from keras_shiftadd.tuners import TranslationSpace

ENCODER_OPERATORS = (
    "attention",
    "attention+conv",
    "attention+adder",
    "attention+shift_adder",
    "conv",
    "shift",
    "adder",
    "shift_adder",
)


def small_space(**options):
    """Two sizes of all that is elastic, and all operators."""
    arguments = {
        "source_vocabulary_size": 11,
        "target_vocabulary_size": 13,
        "embedding_dims": (8, 16),
        "hidden_units": (8, 12),
        "num_heads": (2, 4),
        "encoder_depths": (1, 2),
        "decoder_depths": (1, 2),
        "encoder_operators": ENCODER_OPERATORS,
        "decoder_operators": ENCODER_OPERATORS[:4],
        "key_dim": 3,
        "kernel_size": 3,
        "dropout": 0.0,
        "source_length": 7,
        "target_length": 6,
    }
    return TranslationSpace(**{**arguments, **options})


def quick_space(**options):
    """One block on each side, of attention and convolutions that have all stages."""
    arguments = {
        "encoder_depths": (1,),
        "decoder_depths": (1,),
        "encoder_operators": ("attention+shift_adder",),
        "decoder_operators": ("attention",),
    }
    return small_space(**{**arguments, **options})


def tokens(count, seed=0):
    """Source and target `(count, 7)` and `(count, 6)`, some of them padded."""
    rng = np.random.default_rng(seed)
    source, target = rng.integers(1, 11, (count, 7)), rng.integers(1, 11, (count, 6))
    source[::2, 5:] = 0
    target[::2, 4:] = 0
    return source.astype("int32"), target.astype("int32")


def randomized(supernet):
    """The supernet with trainable weights that are all random, so that none can be mistaken."""
    rng = np.random.default_rng(1)
    for variable in supernet.trainable_variables:
        noise = rng.normal(size=variable.shape)
        if "gamma" in variable.name:
            variable.assign(1.0 + 0.3 * noise)
        elif "kernel" not in variable.name:
            variable.assign(0.5 * noise)
    return supernet
