"""TranslationSpace."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_shiftadd import ops
from keras_shiftadd.callbacks._samples import is_array
from keras_shiftadd.cost import Budget, Cost
from keras_shiftadd.layers._token_mixer import ATTENDING_OPERATORS, BLOCK_OPERATORS
from keras_shiftadd.models import HybridTransformer
from keras_shiftadd.ops._numbers import fraction, plain, positive
from keras_shiftadd.tuners._space.genes import Architecture, Values
from keras_shiftadd.tuners._space.search_space import SearchSpace
from keras_shiftadd.tuners._translation import arguments
from keras_shiftadd.tuners._translation.architecture import (
    SIDES,
    list_genes,
    to_architecture,
    to_values,
)
from keras_shiftadd.tuners._translation.costs import TranslationCosts

# Attention first: the largest network has the first operator everywhere.
_OPERATORS = {
    "encoder": (
        *ATTENDING_OPERATORS,
        *(operator for operator in BLOCK_OPERATORS if operator not in ATTENDING_OPERATORS),
    ),
    "decoder": ATTENDING_OPERATORS,
}
_PROJECTIONS = ("dense", "shift")
_SIMILARITIES = ("dot", "laplacian")


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class TranslationSpace(SearchSpace):
    """A space of transformers for translation, whose blocks choose what mixes their tokens.

    Networks are `HybridTransformer`. Searched are the embedding's size, the number of blocks of
    encoder and decoder, and of each block its operator, heads, hidden units, and the projections
    of its attention and convolution and of its feed-forward part. Embeddings and logits always
    multiply.

    `HybridTuner` and `HybridOracle` search it under the same budgets as a `HybridSpace`. Training
    inputs are two arrays, the source and the target without its last token; targets of training
    are the target without its first one. Token 0 is padding.

    An architecture is a plain dictionary, which can be printed, saved as JSON and edited by hand:

    ```python no-run
    {"embedding_dim": 128,
     "encoder": [{"operator": "attention+conv", "num_heads": 4, "hidden_units": 256,
                  "projection": "shift", "feed_forward": "shift"}],
     "decoder": [{"operator": "attention", "num_heads": 2, "hidden_units": 512,
                  "projection": "dense", "feed_forward": "shift"}]}
    ```

    Args:
        source_vocabulary_size: Integer, number of tokens of the source, padding included.
        target_vocabulary_size: Integer, number of tokens of the target. `None`: source and target
            share their vocabulary and their embedding.
        embedding_dims: Choices of the channels of all blocks: even integers.
        hidden_units: Choices of the hidden layer of a feed-forward part.
        num_heads: Choices of the heads of a block.
        encoder_depths: Choices of the number of encoder blocks.
        decoder_depths: Choices of the number of decoder blocks.
        encoder_operators: What an encoder block may choose: operators of `HybridEncoderBlock`.
        decoder_operators: What a decoder block may choose: operators of `HybridDecoderBlock`.
        projections: What the projections of a block may be: `"dense"`, `"shift"`, or both.
        feed_forwards: What the feed-forward part of a block may be, likewise.
        key_dim: Integer, size of a head of attention. It is the same in all networks, so that
            fewer heads have smaller projections.
        kernel_size: Integer, window of lightweight convolutions.
        similarity: `"dot"` or `"laplacian"`, how attention compares.
        dropout: Number from 0 to below 1, share of values that training drops.
        normalize_first: Boolean, whether normalisations come before the parts of a block.
        weight_bits: Integer, bits of shift weights.
        source_length: Integer, tokens of the source that costs are for.
        target_length: Integer, tokens of the target that costs are for.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> space = keras_shiftadd.tuners.TranslationSpace(
    ...     100, embedding_dims=(16, 32), hidden_units=(32, 64), num_heads=(2, 4),
    ...     encoder_depths=(1, 2), decoder_depths=(1, 2), key_dim=8,
    ... )
    >>> architecture = space.sample(random.Random(0))
    >>> space.build(architecture).output_shape
    (None, None, 100)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.1.
        - [Wang et al., 2020, HAT](https://arxiv.org/abs/2005.14187), section 3.
    """

    # What `Moves` calls a kind of block; no size of it is a divisor.
    block = "transformer"

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int | None = None,
        *,
        embedding_dims: tuple[int, ...] = (512, 768, 1024),
        hidden_units: tuple[int, ...] = (1024, 2048, 3072, 4096),
        num_heads: tuple[int, ...] = (4, 8, 16),
        encoder_depths: tuple[int, ...] = (6,),
        decoder_depths: tuple[int, ...] = (1, 2, 3, 4, 5, 6),
        encoder_operators: tuple[str, ...] = (
            "attention",
            "attention+conv",
            "attention+adder",
            "attention+shift_adder",
            "conv",
            "adder",
            "shift_adder",
        ),
        decoder_operators: tuple[str, ...] = (
            "attention",
            "attention+conv",
            "attention+adder",
            "attention+shift_adder",
        ),
        projections: tuple[str, ...] = ("dense", "shift"),
        feed_forwards: tuple[str, ...] = ("dense", "shift"),
        key_dim: int = 64,
        kernel_size: int = 7,
        similarity: str = "dot",
        dropout: float = 0.1,
        normalize_first: bool = True,
        weight_bits: int = 5,
        source_length: int = 32,
        target_length: int = 32,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        given = keras.tree.map_structure(plain, given)
        self._config = given
        self.source_vocabulary_size = positive(source_vocabulary_size, "source_vocabulary_size")
        if target_vocabulary_size is not None:
            target_vocabulary_size = positive(target_vocabulary_size, "target_vocabulary_size")
        self.target_vocabulary_size = target_vocabulary_size
        self.embedding_dims = arguments.integers(embedding_dims, "embedding_dims")
        if any(size % 2 for size in self.embedding_dims):
            raise ValueError(
                "`embedding_dims` must be even: positions have a sine and a cosine each. "
                f"Received: {embedding_dims!r}"
            )
        self.hidden_units = arguments.integers(hidden_units, "hidden_units")
        self.num_heads = arguments.integers(num_heads, "num_heads")
        self.depths = {
            "encoder": arguments.integers(encoder_depths, "encoder_depths"),
            "decoder": arguments.integers(decoder_depths, "decoder_depths"),
        }
        self.block_operators = {
            side: arguments.names(given[f"{side}_operators"], f"{side}_operators", _OPERATORS[side])
            for side in SIDES
        }
        # What a population of one operator throughout may have.
        self.operators = self.block_operators["encoder"]
        self.projections = arguments.names(projections, "projections", _PROJECTIONS)
        self.feed_forwards = arguments.names(feed_forwards, "feed_forwards", _PROJECTIONS)
        self.key_dim = positive(key_dim, "key_dim")
        self.kernel_size = positive(kernel_size, "kernel_size")
        if similarity not in _SIMILARITIES:
            raise ValueError(
                f"`similarity` must be one of {_SIMILARITIES}. Received: similarity={similarity!r}"
            )
        self.similarity = similarity
        self.dropout = fraction(dropout, "dropout")
        self.normalize_first = normalize_first
        ops.quantized_exponents(weight_bits)  # says what they may be
        self.weight_bits = weight_bits
        self.source_length = positive(source_length, "source_length")
        self.target_length = positive(target_length, "target_length")
        arguments.check_heads(self)
        self.genes = list_genes(self)
        self._by_name = {gene.name: gene for gene in self.genes}
        self._costs = TranslationCosts(self)

    def _to_architecture(self, values: Values) -> Architecture:
        return to_architecture(values)

    def _read(self, architecture: Architecture) -> Values:
        return to_values(architecture, self._by_name)

    def cost(self, architecture: Architecture, budget: Budget) -> Cost:
        """What an architecture costs, for one source and target of the lengths of the space.

        Counted from the layers of its parts; a part is built and counted once. Equal to the
        estimate of the network, but for the comparison of tokens with padding, which stands in
        none of the parts. All positions of the target are computed in one call; decoding them
        one after the other with caches takes as many operations.

        Args:
            architecture: An architecture of this space.
            budget: `keras_shiftadd.cost.Budget`, which names the hardware and the word length.

        Returns:
            `keras_shiftadd.cost.Cost`.
        """
        self.validate(architecture)
        return self._costs.of(architecture, budget)

    def build(self, architecture: Architecture) -> keras.Model:
        """Builds the network of an architecture.

        Args:
            architecture: An architecture of this space.

        Returns:
            A `HybridTransformer`, not compiled; it returns logits.

        Raises:
            ValueError: If it is no architecture of this space.
        """
        self.validate(architecture)
        blocks = [block for side in SIDES for block in architecture[side]]
        arguments: dict[str, Any] = {
            key: tuple(block[key] for block in blocks)
            for key in ("num_heads", "hidden_units", "projection", "feed_forward")
        }
        for side in SIDES:
            arguments[f"{side}_operators"] = tuple(b["operator"] for b in architecture[side])
        return HybridTransformer(
            self.source_vocabulary_size,
            self.target_vocabulary_size,
            embedding_dim=architecture["embedding_dim"],
            **arguments,
            **self.block_arguments(),
        )

    def block_arguments(self) -> dict[str, Any]:
        """Returns the arguments that all blocks of all networks share."""
        return {
            "kernel_size": self.kernel_size,
            "similarity": self.similarity,
            "dropout": self.dropout,
            "normalize_first": self.normalize_first,
            "weight_bits": self.weight_bits,
            "key_dim": self.key_dim,
        }

    def check_inputs(self, x: Any, y: Any) -> None:
        """Checks that arrays of training data fit the networks.

        Args:
            x: Tuple or list of two integer arrays `(samples, tokens)`, source and target.
            y: Integer array `(samples, tokens)`.

        Raises:
            ValueError: If they are no such arrays, or hold tokens out of the vocabularies.
        """
        if not isinstance(x, list | tuple) or len(x) != 2 or not all(map(is_array, x)):
            raise ValueError(
                "`x` must be a tuple of two arrays, the source and the target without its last "
                f"token. Received: {type(x).__name__}"
            )
        source, target = self.source_vocabulary_size, self.target_vocabulary_size
        sizes = {"x[0]": source, "x[1]": target or source, "y": target or source}
        for (name, size), given in zip(sizes.items(), (*x, y), strict=True):
            array = np.asarray(keras.ops.convert_to_numpy(given))
            if array.ndim != 2 or not np.issubdtype(array.dtype, np.integer):
                raise ValueError(
                    f"`{name}` must be an integer array (samples, tokens). "
                    f"Received: shape {array.shape} of {array.dtype}"
                )
            if array.size and not (array.min() >= 0 and array.max() < size):
                raise ValueError(
                    f"`{name}` must hold tokens from 0 to {size - 1}, those of the vocabulary. "
                    f"Received: tokens from {array.min()} to {array.max()}"
                )
        if len(x[0]) != len(x[1]) or tuple(x[1].shape) != tuple(np.shape(y)):
            raise ValueError(
                "`x` and `y` must have as many samples, and the target of `x` as many tokens as "
                f"`y`. Received: shapes {tuple(x[0].shape)}, {tuple(x[1].shape)} and {np.shape(y)}"
            )

    def default_optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """The optimizer of a training of so many steps where none is given.

        Args:
            steps: Integer, number of steps.

        Returns:
            Adam with a warm-up over a tenth of the steps and a cosine schedule from 1e-3.
        """
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps, alpha=0.0, warmup_target=1e-3, warmup_steps=max(1, steps // 10)
        )
        return keras.optimizers.Adam(schedule, beta_2=0.98)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this space, as plain Python objects."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TranslationSpace":
        """Makes a space from `get_config`'s dictionary."""
        return cls(**config)
