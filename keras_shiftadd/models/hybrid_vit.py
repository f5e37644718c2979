"""HybridViT."""

from typing import Any

import keras

from keras_shiftadd.layers import HybridEncoderBlock
from keras_shiftadd.layers._embeddings import PositionEmbedding
from keras_shiftadd.models._block_arguments import each, operators_argument
from keras_shiftadd.ops._numbers import positive


def HybridViT(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = 1000,
    operators: tuple[str, ...] = ("attention",) * 12,
    *,
    patch_size: int = 16,
    embedding_dim: int = 192,
    hidden_units: int | tuple[int, ...] = 768,
    num_heads: int | tuple[int, ...] = 3,
    kernel_size: int | tuple[int, ...] = 7,
    projection: str | tuple[str, ...] = "dense",
    similarity: str | tuple[str, ...] = "dot",
    feed_forward: str | tuple[str, ...] = "dense",
    experts: tuple[str, ...] = ("dense", "shift"),
    expert_latencies: tuple[float, ...] | None = None,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    weight_bits: int = 5,
    normalization_momentum: float = 0.99,
    include_top: bool = True,
    pooling: str | None = "avg",
    classifier_activation: Any = "softmax",
    name: str = "hybrid_vit",
) -> keras.Model:
    """Makes a vision transformer with a choice of operators a block.

    An image is cut into patches, each a token. Positions have trained vectors. Blocks are
    `HybridEncoderBlock` with the normalisation first. There is no class token: the classifier
    reads the mean of all tokens. The first and the last layer multiply. There are no pretrained
    weights.

    Args:
        input_shape: Tuple of 3 integers: height and width, multiples of `patch_size`, and
            channels.
        num_classes: Integer, number of classes.
        operators: Sequence of the operator of each block; see `HybridEncoderBlock`. Lightweight
            convolutions go along the patches row by row.
        patch_size: Integer, side of a patch.
        embedding_dim: Integer, channels of all blocks; a multiple of the heads.
        hidden_units: Integer, size of the hidden layer of the feed-forward parts; or a tuple of
            one a block. So may be `num_heads`, `kernel_size`, `projection`, `similarity` and
            `feed_forward`.
        num_heads: Integer, number of heads.
        kernel_size: Integer, window of lightweight convolutions.
        projection: `"dense"`, `"shift"` or `"adder"`, for projections.
        similarity: `"dot"`, `"laplacian"` or `"binary_linear"`; see `HybridAttention`.
        feed_forward: `"dense"`, `"shift"`, `"adder"` or `"mixture"`, for feed-forward parts.
        experts: Operators of the experts of mixtures.
        expert_latencies: Latencies of the experts of mixtures; see `MixtureOfPrimitives`.
        dropout: Number from 0 to below 1, share of values that training drops.
        attention_dropout: Number from 0 to below 1, share of the scores that training drops.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adders.
        include_top: Boolean, whether the classifier is part of the model.
        pooling: What a model without classifier puts out: `"avg"`, the mean of the tokens;
            `None`, the tokens.
        classifier_activation: Activation of the classifier, or `None` for logits.
        name: Name of the model.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = keras_shiftadd.models.HybridViT(
    ...     (32, 32, 3), 10, ("attention", "attention+shift"), patch_size=8, embedding_dim=32,
    ...     hidden_units=64, num_heads=4, similarity="binary_linear",
    ...     feed_forward=("dense", "mixture"),
    ... )
    >>> model.output_shape
    (None, 10)

    Reference:
        - [Dosovitskiy et al., 2020, ViT](https://arxiv.org/abs/2010.11929).
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446).
    """
    patch_size = positive(patch_size, "patch_size")
    embedding_dim = positive(embedding_dim, "embedding_dim")
    if len(input_shape) != 3 or any(size % patch_size for size in input_shape[:2]):
        raise ValueError(
            "`input_shape` must be (height, width, channels) with height and width multiples of "
            f"`patch_size`. Received: input_shape={tuple(input_shape)}, patch_size={patch_size}."
        )
    if pooling not in (None, "avg"):
        raise ValueError(f"`pooling` must be 'avg' or None. Received: pooling={pooling!r}.")
    kinds = operators_argument(operators, "operators")
    varied = {
        "hidden_units": hidden_units,
        "num_heads": num_heads,
        "kernel_size": kernel_size,
        "projection": projection,
        "similarity": similarity,
        "feed_forward": feed_forward,
    }
    columns = {key: each(value, len(kinds), key) for key, value in varied.items()}
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(
        embedding_dim,
        patch_size,
        strides=patch_size,
        data_format="channels_last",
        name="patches",
    )(inputs)
    x = keras.layers.Reshape((-1, embedding_dim), name="tokens")(x)
    x = PositionEmbedding(name="positions")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    for number, operator in enumerate(kinds):
        x = HybridEncoderBlock(
            operator=operator,
            experts=experts,
            expert_latencies=expert_latencies,
            dropout=dropout,
            attention_dropout=attention_dropout,
            activation="gelu",
            normalize_first=True,
            weight_bits=weight_bits,
            normalization_momentum=normalization_momentum,
            name=f"block_{number}",
            **{key: values[number] for key, values in columns.items()},
        )(x)
    x = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    if include_top or pooling == "avg":
        x = keras.layers.GlobalAveragePooling1D(name="pool")(x)
    if include_top:
        x = keras.layers.Dense(num_classes, activation=classifier_activation, name="classifier")(x)
    return keras.Model(inputs, x, name=name)
