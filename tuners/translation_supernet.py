"""TranslationSupernet."""

import math
import random
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.layers._embeddings import sinusoids
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._supernet.functions import map_rows
from keras_shiftadd.tuners._supernet.shared_weights import (
    Calibrator,
    SharedWeights,
    check_sampling,
)
from keras_shiftadd.tuners._translation import functions
from keras_shiftadd.tuners._translation.architecture import SIDES
from keras_shiftadd.tuners._translation.blocks import Drop, SharedBlock
from keras_shiftadd.tuners._translation.cut_out import cut_out
from keras_shiftadd.tuners._translation.encoding import COLUMNS, encode
from keras_shiftadd.tuners.translation_space import TranslationSpace

# Of the normalisations behind the last blocks, which are Keras' default.
_LAST_NORM_EPSILON = 1e-3


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class TranslationSupernet(SharedWeights):
    """All transformers of a `TranslationSpace` on one set of weights.

    Which network is in use is decided at run time: a compiled step serves all of them. Embedding
    sizes, heads and hidden units are prefixes of the largest ones; a part that works on one half
    of the channels takes the prefixes of what serves all of them. Projections that shift are
    the rounded ones of those that multiply. Lightweight convolutions share their projections and,
    but for adders, their kernel. Attention and convolution are both computed for every network,
    and what it has not is left out: a step takes a little longer than one of attention alone.

    Train it as a `HybridTransformer`: `supernet.compile(optimizer, loss)`,
    `supernet.fit([source, target[:, :-1]], target[:, 1:])`. Then `select` an architecture,
    `calibrate` its BatchNormalization statistics, and `evaluate` or `predict`; or `cut_out` a
    network of its own. Metrics shown while training are those of the largest network. Only that
    one has dropout, unless networks are trained one at a time.

    Args:
        space: `TranslationSpace`.
        sampling: `"sandwich"`: each step trains the largest network, the smallest with random
            operators, and `random_networks` random ones. `"single_path"`: one random network a
            step.
        random_networks: Integer, random networks of a sandwich step.
        distillation: Boolean; in a sandwich step the other networks learn what the largest one
            predicts instead of the targets.
        seed: Integer, seed of the choice of networks and of dropout.

    Input shape:
        Integer tensors `(batch, sources)` and `(batch, targets)`, as a list or tuple.

    Output shape:
        Logits `(batch, targets, vocabulary)` of the selected network. With `training=True`
        `(networks of a step, batch, targets, vocabulary)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> space = keras_shiftadd.tuners.TranslationSpace(
    ...     100, embedding_dims=(16, 32), hidden_units=(32, 64), num_heads=(2, 4),
    ...     encoder_depths=(1, 2), decoder_depths=(1, 2), key_dim=8,
    ... )
    >>> supernet = keras_shiftadd.tuners.TranslationSupernet(space)
    >>> supernet.select(space.sample(random.Random(0)))
    >>> supernet.predict([np.ones((1, 7)), np.ones((1, 5))]).shape
    (1, 5, 100)

    Reference:
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), section 4.2.
        - [Wang et al., 2020, HAT](https://arxiv.org/abs/2005.14187), section 3, for prefixes.
        - [Yu et al., 2020, BigNAS](https://arxiv.org/abs/2003.11142), section 3, for the sandwich
        rule with in-place distillation.
    """

    logits_rank = 3

    def __init__(
        self,
        space: TranslationSpace,
        sampling: str = "sandwich",
        random_networks: int = 2,
        distillation: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(space, TranslationSpace):
            raise ValueError(f"`space` must be a TranslationSpace. Received: {space!r}")
        check_sampling(sampling, random_networks)
        self.space = space
        self.sampling = sampling
        self.random_networks = random_networks
        self.distillation = distillation
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.width = space.embedding_dims[-1]
        self.encoder_blocks, self.decoder_blocks = (
            [SharedBlock(space, side, j) for j in range(space.depths[side][-1])] for side in SIDES
        )
        self._dropout = keras.layers.Dropout(space.dropout, seed=seed, name="dropout")
        self._mask = _TargetMask(name="target_mask")
        self._selected: Architecture | None = None
        self.build(None)

    def build(self, input_shape: Any) -> None:
        """Creates all weights."""
        if self._selected is not None:
            return
        space = self.space
        initializer = keras.initializers.RandomNormal(stddev=self.width**-0.5)

        def embedding(name: str, size: int) -> Any:
            return self.add_weight(
                name=name, shape=(size, self.width), initializer=initializer, autocast=False
            )

        self.source_embedding = embedding("source_embedding", space.source_vocabulary_size)
        self.target_embedding = self.source_embedding
        if space.target_vocabulary_size is not None:
            self.target_embedding = embedding("target_embedding", space.target_vocabulary_size)
        blocks = [*self.encoder_blocks, *self.decoder_blocks]
        for block in blocks:
            block.build()
        self.last_norms: dict[str, tuple[Any, Any]] = {}
        for side in SIDES if space.normalize_first else ():
            self.last_norms[side] = (
                self._channels(f"{side}_gamma", "ones"),
                self._channels(f"{side}_beta", "zeros"),
            )
        rng = random.Random(0 if self.seed is None else self.seed)
        rows = range(self.table_rows)
        self._random_table = self._table("random", [space.sample(rng) for _ in rows])
        smallest = [space.extreme(rng, largest=False) for _ in rows]
        self._smallest_table = self._table("smallest", smallest)
        largest = space.extreme(rng, largest=True)
        self._largest = encode(space, largest).tolist()
        self._choice = self._state("choice", (len(blocks), len(COLUMNS)), "int32")
        size = sum(block.statistics_size for block in blocks)
        self._statistics = self._state("statistics", (2, size), self.variable_dtype)
        calibrator = Calibrator(self)
        # In a function, because Keras would track an attribute: the calibrator holds the supernet.
        self._calibrator = lambda: calibrator
        self.built = True
        self.select(largest)

    def _channels(self, name: str, initializer: str) -> Any:
        return self.add_weight(
            name=name, shape=(self.width,), initializer=initializer, autocast=False
        )

    def _encode(self, architecture: Architecture) -> np.ndarray:
        return encode(self.space, architecture)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Logits of the selected network, or of those of a training step."""
        if not training:
            return self._mask([self._run(x, self._choice, self._statistics)[0], x[1]])

        def drop(y: Any) -> Any:
            return self._dropout(y, training=True)

        drawn = self._draw()
        if self.sampling == "single_path":
            return ops.expand_dims(self._run(x, drawn[0], None, drop)[0], 0)
        largest = self._run(x, self._largest, None, drop)[0]
        # One at a time, so that one network is compiled for all of them.
        logits = map_rows(lambda codes, x: self._run(x, codes, None)[0], drawn, tuple(x))
        return ops.concatenate([ops.expand_dims(largest, 0), logits])

    def _run(
        self, x: Any, codes: Any, statistics: Any, drop: Drop = lambda y: y
    ) -> tuple[Any, Any]:
        """Logits of a network, and the statistics that its normalisations used."""
        source, target = (ops.cast(tokens, "int32") for tokens in x)
        masks = ops.not_equal(source, 0), ops.not_equal(target, 0)
        if not isinstance(codes, list):
            codes = ops.convert_to_tensor(codes)
        used, start = [], 0
        choice, width = codes[0][COLUMNS.embedding], codes[0][COLUMNS.width]
        encoded = None
        x = drop(self._embed(self.source_embedding, source, choice))
        blocks = [*self.encoder_blocks, *self.decoder_blocks]
        for number, block in enumerate(blocks):
            if number == len(self.encoder_blocks):
                encoded = self._last_norm("encoder", x, width)
                x = drop(self._embed(self.target_embedding, target, choice))
            given = None
            if statistics is not None:
                given = ops.convert_to_tensor(statistics)[:, start : start + block.statistics_size]
            start += block.statistics_size
            mask = masks[0] if encoded is None else masks[1]
            x, found = block.call(x, codes[number], mask, encoded, masks[0], given, drop)
            used.append(ops.cast(found, self.variable_dtype))
        x = self._last_norm("decoder", x, width)
        logits = ops.matmul(x, ops.transpose(ops.cast(self.target_embedding, x.dtype)))
        return logits, ops.concatenate(used, axis=1)

    def _embed(self, embeddings: Any, tokens: Any, choice: Any) -> Any:
        """Vectors of tokens and positions, zero beyond the size of the network."""
        sizes = self.space.embedding_dims
        x = ops.take(ops.convert_to_tensor(embeddings), tokens, axis=0)
        scales = ops.convert_to_tensor([math.sqrt(size) for size in sizes], dtype=x.dtype)
        x = ops.cast(x * ops.take(scales, choice), self.compute_dtype)
        positions = ops.arange(ops.shape(tokens)[1], dtype="int32")
        table = [
            ops.pad(sinusoids(positions, size), [(0, 0), (0, self.width - size)]) for size in sizes
        ]
        x = x + ops.cast(ops.take(ops.stack(table), choice, axis=0), x.dtype)
        return x * functions.prefix(
            self.width, ops.take(ops.convert_to_tensor(sizes), choice), x.dtype
        )

    def _last_norm(self, side: str, x: Any, width: Any) -> Any:
        if side not in self.last_norms:
            return x
        return functions.layer_norm(x, *self.last_norms[side], width, _LAST_NORM_EPSILON)

    def batch_statistics(self, x: Any) -> Any:
        """BatchNormalization statistics of the selected network in one batch.

        Args:
            x: Tuple of the source and the target, integer tensors `(batch, tokens)`.

        Returns:
            Means and variances `(2, channels of all normalisations)`.
        """
        return self._run(x, self._choice, None)[1]

    def calibrate(self, x: Any, batch_size: int = 256) -> None:
        """Estimates the BatchNormalization statistics of the selected network.

        Only adder convolutions have any.

        Args:
            x: Tuple of two arrays, source and target of some hundred training samples.
            batch_size: Integer. Means and variances are averaged over full batches.

        Raises:
            ValueError: If `x` holds no sample.
        """
        if self._statistics.shape[1]:
            super().calibrate(tuple(x), batch_size)

    def _with_mask(self, x: Any, logits: Any) -> Any:
        return self._mask([logits, x[1]])

    def _distillation_weights(self, x: Any, sample_weight: Any) -> Any:
        weights = ops.cast(ops.not_equal(x[1], 0), "float32")
        # So that the mean is one over tokens that count.
        weights = weights / ops.mean(weights)
        if sample_weight is None:
            return weights
        sample_weight = ops.cast(sample_weight, weights.dtype)
        if len(sample_weight.shape) == 1:
            sample_weight = ops.expand_dims(sample_weight, -1)
        return weights * sample_weight

    def cut_out(self) -> keras.Model:
        """Makes a network of its own of the selected one.

        Returns:
            A `HybridTransformer` with copies of the weights in use, which predicts what the
            supernet predicts; see `TranslationSpace.build`.
        """
        assert self._selected is not None
        return cut_out(self, self._selected)


class _TargetMask(keras.layers.Layer):
    """Hands logits on with the Keras mask of their targets, which losses and metrics respect."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Returns the logits of `[logits, target]`."""
        # Not the same tensor, on which the mask would be set too.
        return inputs[0] * 1.0

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Says which targets are none of padding."""
        return ops.not_equal(inputs[1], 0)
