"""Classifiers of sequences, of encoder blocks with weights that are not the initial ones."""

import keras
import numpy as np

import keras_shiftadd as ksa


def sequences(count=64, tokens=6, channels=8):
    """Inputs `(count, tokens, channels)`."""
    return np.random.default_rng(0).normal(size=(count, tokens, channels)).astype("float32")


def encoder(normalize_first=True, **options):
    """Two blocks, the mean of the tokens, three logits."""
    inputs = keras.Input((6, 8))
    x = inputs
    for activation in ("relu", "gelu"):
        block = ksa.layers.HybridEncoderBlock(
            12, 2, activation=activation, normalize_first=normalize_first, **options
        )
        x = block(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return randomized(keras.Model(inputs, keras.layers.Dense(3)(x)))


def vision():
    """A vision transformer, whose positions have vectors."""
    return randomized(
        ksa.models.HybridViT(
            (8, 8, 1), 3, ("attention",), patch_size=4, embedding_dim=8, hidden_units=12,
            num_heads=2, projection="shift", feed_forward="shift",
        )
    )  # fmt: skip


def randomized(model):
    """The model with offsets, gains and statistics that are not 0 and 1."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        name = weight.path.rsplit("/")[-1]
        noise = rng.normal(size=weight.shape)
        if name in ("bias", "beta", "embeddings"):
            weight.assign(0.3 * noise)
        elif name == "gamma":
            weight.assign(1.0 + 0.2 * noise)
        elif name == "moving_mean":
            weight.assign(-6.0 + noise)
        elif name == "moving_variance":
            weight.assign(4.0 + np.abs(noise))
    return model
