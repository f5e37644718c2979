"""Costs of transformers, summed over parts that are built and counted once.

Parts share no weights but those of the embeddings, which stand in one part together.
"""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd.cost import Budget, Cost, OperationCounts, count_operations
from keras_shiftadd.layers import HybridDecoderBlock, HybridEncoderBlock
from keras_shiftadd.layers._embeddings import TokenEmbedding
from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._translation.architecture import BLOCK_KEYS, SIDES

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace

_Part = tuple[Any, ...]


class TranslationCosts:
    """Costs of the architectures of one space."""

    def __init__(self, space: "TranslationSpace") -> None:
        self._space = space
        self._counts: dict[_Part, OperationCounts] = {}
        self._costs: dict[tuple[Budget, _Part], Cost] = {}

    def of(self, architecture: Architecture, budget: Budget) -> Cost:
        """The cost of an architecture."""
        size = architecture["embedding_dim"]
        parts: list[_Part] = [("ends", size)]
        for side in SIDES:
            last = len(architecture[side]) - 1
            for j, block in enumerate(architecture[side]):
                choice = tuple(block[key] for key in BLOCK_KEYS)
                parts.append((side, size, choice, side == "decoder" and j == last))
        return Cost.sequence([self._cost(part, budget) for part in parts])

    def cheapest(self, budget: Budget, limit: str) -> Architecture:
        """The architecture that needs the least of one limit of a budget.

        Fewer channels, heads, hidden units and blocks never cost more. What mixes the tokens and
        what feeds forward run one after the other, so the one is chosen, then the other.
        """
        space = self._space
        size = space.embedding_dims[0]
        result: Architecture = {"embedding_dim": size}

        def least(side: str, blocks: list[dict[str, Any]], last: bool) -> dict[str, Any]:
            def amount(block: dict[str, Any]) -> float:
                choice = tuple(block[key] for key in BLOCK_KEYS)
                return float(getattr(self._cost((side, size, choice, last), budget), limit))

            return min(blocks, key=amount)

        def cheapest_block(side: str, last: bool) -> dict[str, Any]:
            block = {
                "operator": space.block_operators[side][0],
                "num_heads": space.num_heads[0],
                "hidden_units": space.hidden_units[0],
                "projection": space.projections[0],
                "feed_forward": space.feed_forwards[0],
            }
            feeding = [{**block, "feed_forward": kind} for kind in space.feed_forwards]
            block = least(side, feeding, last)
            mixing = [
                {**block, "operator": operator, "projection": projection}
                for operator in space.block_operators[side]
                for projection in space.projections
            ]
            return least(side, mixing, last)

        for side in SIDES:
            depth = space.depths[side][0]
            result[side] = [cheapest_block(side, False) for _ in range(depth - 1)]
            result[side].append(cheapest_block(side, side == "decoder"))
        return space.validate(result)

    def _cost(self, part: _Part, budget: Budget) -> Cost:
        key = (budget, part)
        if key not in self._costs:
            if part not in self._counts:
                self._counts[part] = count_operations(self._build(part))
            with warnings.catch_warnings():
                # Of every convolution, that the sigmoid of its gate is not counted.
                warnings.filterwarnings("ignore", "The estimate leaves out", UserWarning)
                cost = budget.estimate(self._counts[part])
            if part[0] == "ends":
                # The source's vectors are gone before the logits are made.
                cost = replace(cost, ram=self._cost(("target", part[1]), budget).ram)
            self._costs[key] = cost
        return self._costs[key]

    def _build(self, part: _Part) -> keras.Model:
        space, size = self._space, part[1]
        encoded = keras.Input((space.source_length, size))
        x = keras.Input((space.target_length, size))
        if part[0] in ("ends", "target"):
            return self._ends(size, whole=part[0] == "ends")
        choice = dict(zip(BLOCK_KEYS, part[2], strict=True))
        if part[0] == "encoder":
            block: Any = HybridEncoderBlock(**choice, **space.block_arguments())
            # The target waits in memory meanwhile.
            return keras.Model([encoded, x], [block(encoded), x])
        block = HybridDecoderBlock(**choice, **space.block_arguments())
        outputs = [block(x, encoded)]
        # Until the last block has read it, the outcome of the encoder stays in memory.
        return keras.Model([x, encoded], outputs if part[3] else [*outputs, encoded])

    def _ends(self, size: int, whole: bool) -> keras.Model:
        """Embeddings, final normalisations and logits; or those of the target only."""
        space = self._space
        source = keras.Input((space.source_length,), dtype="int32")
        target = keras.Input((space.target_length,), dtype="int32")
        first = last = TokenEmbedding(space.source_vocabulary_size, size)
        if space.target_vocabulary_size is not None:
            last = TokenEmbedding(space.target_vocabulary_size, size)
        encoded, x = first(source), last(target)
        if space.normalize_first:
            encoded = keras.layers.LayerNormalization()(encoded)
            x = keras.layers.LayerNormalization()(x)
        logits = last(x, reverse=True)
        if whole:
            return keras.Model([source, target], [encoded, logits])
        return keras.Model(target, logits)
