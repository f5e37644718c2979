"""HybridTransformer."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.layers import HybridDecoderBlock, HybridEncoderBlock
from keras_shiftadd.layers._embeddings import TokenEmbedding
from keras_shiftadd.models._beam_search import beam_search, greedy_search
from keras_shiftadd.models._block_arguments import each, operators_argument
from keras_shiftadd.ops._numbers import not_negative, positive


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class HybridTransformer(keras.Model):
    """Encoder and decoder for sequence-to-sequence tasks, with a choice of operators a block.

    A functional model. Its inputs are the tokens of the source and those of the target so far, as
    a list; its outputs the logits of the next token at each position of the target. Token 0 is
    padding. Train it on targets that are shifted by one, with a loss on logits; losses and
    metrics leave masked positions out. `generate` decodes.

    Blocks are `HybridEncoderBlock` and `HybridDecoderBlock`. Embeddings, the attention's weighted
    sums and the logits are products in every case.

    Args:
        source_vocabulary_size: Integer, number of tokens of the source, padding included.
        target_vocabulary_size: Integer, number of tokens of the target. `None`: source and target
            share their vocabulary and their embedding.
        embedding_dim: Integer, size of the vectors of tokens, and channels of all blocks; even.
        hidden_units: Integer, size of the hidden layer of the feed-forward parts; or a tuple of
            one a block, those of the encoder first. So may be the next four.
        num_heads: Integer, number of heads.
        kernel_size: Integer, window of lightweight convolutions.
        projection: `"dense"`, `"shift"` or `"adder"`, for projections.
        feed_forward: `"dense"`, `"shift"`, `"adder"` or `"mixture"`, for feed-forward parts.
        encoder_operators: Sequence of the operator of each encoder block; see
            `HybridEncoderBlock`.
        decoder_operators: Sequence of the operator of each decoder block; see
            `HybridDecoderBlock`.
        similarity: `"dot"` or `"laplacian"`, how attention compares.
        encoder_similarity: How the attention of the encoder compares; also `"binary_linear"`.
            `None` is `similarity`.
        dropout: Number from 0 to below 1, share of values that training drops.
        attention_dropout: Number from 0 to below 1, share of the scores that training drops.
        activation: Activation function of the feed-forward parts, or its name.
        normalize_first: Boolean, whether normalisations come before the parts of a block instead
            of behind them.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adders.
        key_dim: Integer, size of a head of attention; `None`: the heads share the channels.
        seed: Integer, seed of the dropout.
        name: Name of the model.
        **kwargs: Keyword arguments of `keras.Model`.

    Input shape:
        Integer tensors `(batch, sources)` and `(batch, targets)`, as a list.

    Output shape:
        Tensor `(batch, targets, target_vocabulary_size)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = keras_shiftadd.models.HybridTransformer(
    ...     100, embedding_dim=32, hidden_units=64, num_heads=4,
    ...     encoder_operators=("attention+shift", "conv"), decoder_operators=("attention",),
    ... )
    >>> model.output_shape
    (None, None, 100)
    >>> model.generate([[5, 6, 7, 0]], max_length=8, start_id=1, end_id=2).shape[0]
    1

    Reference:
        - [Vaswani et al., 2017, Attention Is All You Need](https://arxiv.org/abs/1706.03762).
        - [You et al., 2022, ShiftAddNAS](https://arxiv.org/abs/2205.08119), for the operators.
    """

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int | None = None,
        embedding_dim: int = 512,
        hidden_units: int | tuple[int, ...] = 2048,
        num_heads: int | tuple[int, ...] = 8,
        kernel_size: int | tuple[int, ...] = 7,
        projection: str | tuple[str, ...] = "dense",
        feed_forward: str | tuple[str, ...] = "dense",
        encoder_operators: tuple[str, ...] = ("attention",) * 6,
        decoder_operators: tuple[str, ...] = ("attention",) * 6,
        similarity: str = "dot",
        encoder_similarity: str | None = None,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        activation: Any = "relu",
        normalize_first: bool = False,
        weight_bits: int = 5,
        normalization_momentum: float = 0.99,
        key_dim: int | None = None,
        seed: int | None = None,
        name: str = "hybrid_transformer",
        **kwargs: Any,
    ) -> None:
        source_vocabulary_size = positive(source_vocabulary_size, "source_vocabulary_size")
        if target_vocabulary_size is not None:
            target_vocabulary_size = positive(target_vocabulary_size, "target_vocabulary_size")
        embedding_dim = positive(embedding_dim, "embedding_dim")
        if embedding_dim % 2:
            raise ValueError(
                "`embedding_dim` must be even: positions have a sine and a cosine each. "
                f"Received: embedding_dim={embedding_dim}."
            )
        encoder_operators = operators_argument(encoder_operators, "encoder_operators")
        decoder_operators = operators_argument(decoder_operators, "decoder_operators")
        count = len(encoder_operators) + len(decoder_operators)
        varied = {
            "hidden_units": hidden_units,
            "num_heads": num_heads,
            "kernel_size": kernel_size,
            "projection": projection,
            "feed_forward": feed_forward,
        }
        columns = {key: each(value, count, key) for key, value in varied.items()}
        rows = [{key: values[number] for key, values in columns.items()} for number in range(count)]
        common = {
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activation,
            "normalize_first": normalize_first,
            "weight_bits": weight_bits,
            "normalization_momentum": normalization_momentum,
            "key_dim": key_dim,
            "seed": seed,
            "dtype": kwargs.pop("dtype", None),
        }
        dtype = common["dtype"]
        encoder_blocks = [
            HybridEncoderBlock(
                operator=operator,
                similarity=encoder_similarity or similarity,
                name=f"encoder_{number}",
                **row,
                **common,
            )
            for number, (operator, row) in enumerate(zip(encoder_operators, rows, strict=False))
        ]
        decoder_blocks = [
            HybridDecoderBlock(
                operator=operator,
                similarity=similarity,
                name=f"decoder_{number}",
                **row,
                **common,
            )
            for number, (operator, row) in enumerate(
                zip(decoder_operators, rows[len(encoder_operators) :], strict=True)
            )
        ]
        target_embedding = source_embedding = TokenEmbedding(
            source_vocabulary_size, embedding_dim, dtype=dtype, name="source_embedding"
        )
        if target_vocabulary_size is not None:
            target_embedding = TokenEmbedding(
                target_vocabulary_size, embedding_dim, dtype=dtype, name="target_embedding"
            )
        encoder_norm = decoder_norm = None
        if normalize_first:
            encoder_norm = keras.layers.LayerNormalization(dtype=dtype, name="encoder_norm")
            decoder_norm = keras.layers.LayerNormalization(dtype=dtype, name="decoder_norm")
        drop = keras.layers.Dropout(dropout, seed=seed, dtype=dtype, name="embedding_dropout")

        source = keras.Input((None,), dtype="int32", name="source")
        target = keras.Input((None,), dtype="int32", name="target")
        encoded = drop(source_embedding(source))
        for block in encoder_blocks:
            encoded = block(encoded)
        if encoder_norm is not None:
            encoded = encoder_norm(encoded)
        x = drop(target_embedding(target))
        for block in decoder_blocks:
            x = block(x, encoded)
        if decoder_norm is not None:
            x = decoder_norm(x)
        logits = target_embedding(x, reverse=True)
        super().__init__(inputs=[source, target], outputs=logits, name=name, **kwargs)

        self.encoder_blocks, self.decoder_blocks = encoder_blocks, decoder_blocks
        self.source_embedding, self.target_embedding = source_embedding, target_embedding
        self.encoder_norm, self.decoder_norm = encoder_norm, decoder_norm
        self.vocabulary_sizes = (source_vocabulary_size, target_vocabulary_size)
        self.embedding_dim = embedding_dim
        self._varied = varied
        self._common = common
        self.encoder_operators, self.decoder_operators = encoder_operators, decoder_operators
        self.similarity, self.encoder_similarity = similarity, encoder_similarity

    def encode(self, source: Any) -> tuple[Any, Any]:
        """Returns what the decoder reads of a source.

        Args:
            source: Integer tensor or array `(batch, sources)`.

        Returns:
            Tensor `(batch, sources, embedding_dim)`, and a Boolean tensor `(batch, sources)`,
            True where there is no padding.
        """
        source = ops.convert_to_tensor(source, "int32")
        mask = ops.not_equal(source, 0)
        x = self.source_embedding.embed(source)
        for block in self.encoder_blocks:
            x = block(x, mask=mask, training=False)
        return (x if self.encoder_norm is None else self.encoder_norm(x)), mask

    def decode(
        self,
        tokens: Any,
        encoder_mask: Any,
        caches: list[Any],
        position: Any,
    ) -> tuple[Any, list[Any]]:
        """Returns the logits behind some tokens, given what earlier calls computed.

        Args:
            tokens: Integer tensor `(batch, tokens)`, the next ones of the target.
            encoder_mask: The mask that `encode` returned.
            caches: A cache a decoder block, from its `make_cache` or from an earlier call.
            position: Integer or integer tensor, the position of the first of the tokens.

        Returns:
            Tensor `(batch, tokens, target_vocabulary_size)`, and the next caches.
        """
        x = self.target_embedding.embed(ops.convert_to_tensor(tokens, "int32"), position)
        following = []
        for block, cache in zip(self.decoder_blocks, caches, strict=True):
            x, cache = block(
                x,
                encoder_outputs_mask=encoder_mask,
                cache=cache,
                cache_update_index=position,
                training=False,
            )
            following.append(cache)
        x = x if self.decoder_norm is None else self.decoder_norm(x)
        return self.target_embedding(x, reverse=True), following

    def generate(
        self,
        source: Any,
        max_length: int,
        start_id: int,
        end_id: int,
        num_beams: int = 1,
        length_penalty: float = 0.6,
        return_scores: bool = False,
    ) -> Any:
        """Decodes the targets of some sources, one token after the other.

        With one beam the most probable token is taken at each step. With more, that many
        beginnings are kept for each source, and the complete target is returned whose log
        probability divided by `((5 + length) / 6) ** length_penalty` is largest.

        Args:
            source: Integer tensor or array `(batch, sources)`, padded with 0.
            max_length: Integer, the largest number of tokens of a target, the end included.
            start_id: Integer, the token at which targets begin; it is not returned.
            end_id: Integer, the token at which they end.
            num_beams: Integer, number of beginnings that are kept.
            length_penalty: Number from 0 on; more of it favours longer targets.
            return_scores: Boolean, whether the scores are returned too: log probabilities, with
                several beams after the division.

        Returns:
            int32 NumPy array `(batch, tokens)`, each row up to its `end_id`, then 0; with
            `return_scores=True` also a float64 array `(batch,)`.

        Raises:
            ValueError: If an argument is out of its range.
        """
        positive(max_length, "max_length")
        positive(num_beams, "num_beams")
        not_negative(length_penalty, "length_penalty")
        vocabulary = self.target_embedding.vocabulary_size
        for key, token in (("start_id", start_id), ("end_id", end_id)):
            if not 0 < token < vocabulary:
                raise ValueError(
                    f"`{key}` must be a token of the target, from 1 to {vocabulary - 1}. "
                    f"Received: {key}={token}."
                )
        encoded, mask = self.encode(np.repeat(np.asarray(source, "int32"), num_beams, axis=0))
        encoded = ops.stop_gradient(encoded)
        caches = [block.make_cache(encoded, max_length) for block in self.decoder_blocks]

        def step(tokens: Any, position: int, state: Any) -> tuple[Any, Any]:
            caches, mask = state
            logits, caches = self.decode(tokens, mask, caches, position)
            # Or PyTorch would keep what gradients through all steps need.
            caches = keras.tree.map_structure(ops.stop_gradient, caches)
            scores = ops.log_softmax(ops.cast(logits[:, -1], "float32"), axis=-1)
            scores = np.array(ops.convert_to_numpy(scores), "float64")
            scores[:, 0] = -np.inf  # padding is no token
            return scores, (caches, mask)

        def reorder(state: Any, rows: Any) -> Any:
            index = ops.convert_to_tensor(rows, "int32")
            return keras.tree.map_structure(lambda part: ops.take(part, index, axis=0), state)

        batch = encoded.shape[0] // num_beams
        if num_beams == 1:
            tokens, scores = greedy_search(
                step, (caches, mask), batch, start_id, end_id, max_length
            )
        else:
            tokens, scores = beam_search(
                step,
                reorder,
                (caches, mask),
                batch,
                start_id,
                end_id,
                max_length,
                num_beams,
                length_penalty,
            )
        return (tokens, scores) if return_scores else tokens

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this model, as plain Python objects."""
        common = {key: value for key, value in self._common.items() if key != "dtype"}
        common["activation"] = keras.activations.serialize(
            keras.activations.get(common["activation"])
        )
        policy = self._common["dtype"]
        if isinstance(policy, keras.DTypePolicy):
            policy = keras.dtype_policies.serialize(policy)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": policy,
            "source_vocabulary_size": self.vocabulary_sizes[0],
            "target_vocabulary_size": self.vocabulary_sizes[1],
            "embedding_dim": self.embedding_dim,
            **self._varied,
            "encoder_operators": self.encoder_operators,
            "decoder_operators": self.decoder_operators,
            "similarity": self.similarity,
            "encoder_similarity": self.encoder_similarity,
            **common,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "HybridTransformer":
        """Makes a model from what `get_config` returned."""
        return cls(**config)
