"""The blocks of a supernet of transformers: all that a block can be, on one set of weights."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keras import ops

from keras_shiftadd.layers._similarities import pair_scores
from keras_shiftadd.tuners._translation import functions
from keras_shiftadd.tuners._translation.convolution import SharedConvolution
from keras_shiftadd.tuners._translation.encoding import COLUMNS
from keras_shiftadd.tuners._translation.weights import Weights

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace

Drop = Callable[[Any], Any]


class SharedAttention(Weights):
    """Attention of which a prefix of the heads and of the channels is in use.

    Args:
        space: the space.
        name: name of the layer.
    """

    def __init__(self, space: "TranslationSpace", name: str) -> None:
        super().__init__(name=name)
        self.similarity = space.similarity
        self.key_dim = space.key_dim
        self.heads = space.num_heads[-1]
        self.width = space.embedding_dims[-1]
        self.weight_bits = space.weight_bits

    def build(self, *shapes: Any) -> None:
        """Creates the weights at full width."""
        inner = self.heads * self.key_dim
        for place in ("query", "key", "value"):
            self.add_linear(place, self.width, inner)
        self.add_linear("output", inner, self.width)
        self.built = True

    def call(self, x: Any, source: Any, hidden: Any, heads: Any, width: Any, shifts: Any) -> Any:
        """Attends.

        Args:
            x: Queries `(batch, targets, channels)`.
            source: Keys and values `(batch, sources, channels)`.
            hidden: What is added to the scores; see `functions.scores_mask`.
            heads: Heads in use.
            width: Channels in use, of the output.
            shifts: Whether projections shift; None where none does.
        """

        def project(place: str, inputs: Any) -> Any:
            return functions.linear(inputs, *self.linear(place), shifts, self.weight_bits)

        queries, keys, values = (
            functions.split_heads(project(place, inputs), self.heads)
            for place, inputs in (("query", x), ("key", source), ("value", source))
        )
        scores = pair_scores(self.similarity, queries, keys, self.key_dim**0.5)
        mixed = ops.matmul(ops.softmax(scores + hidden, axis=-1), values)
        used = functions.prefix(self.heads, heads, mixed.dtype)
        mixed = functions.join_heads(mixed * ops.reshape(used, (1, -1, 1, 1)))
        outputs = project("output", mixed)
        return outputs * functions.prefix(self.width, width, outputs.dtype)


class SharedBlock(Weights):
    """A block at one position of the encoder or the decoder.

    Args:
        space: the space.
        side: `"encoder"` or `"decoder"`.
        number: number of the block.
    """

    def __init__(self, space: "TranslationSpace", side: str, number: int) -> None:
        super().__init__(name=f"{side}_{number}")
        self.side = side
        self.causal = side == "decoder"
        self.sizes = space.embedding_dims
        self.width = space.embedding_dims[-1]
        self.hidden_units = space.hidden_units[-1]
        self.normalize_first = space.normalize_first
        self.weight_bits = space.weight_bits
        self.projection_shifts = "shift" in space.projections
        self.feed_forward_shifts = "shift" in space.feed_forwards
        operators = space.block_operators[side]
        self.attention = self.cross_attention = self.convolution = None
        if any("attention" in operator for operator in operators):
            self.attention = SharedAttention(space, "attention")
        kinds = [o.split("+")[-1] for o in operators if o.split("+")[-1] != "attention"]
        if kinds:
            self.convolution = SharedConvolution(space, kinds, self.causal)
        if self.causal:
            self.cross_attention = SharedAttention(space, "cross_attention")

    @property
    def statistics_size(self) -> int:
        """Channels of the normalisation behind adders, 0 where there is none."""
        return 0 if self.convolution is None else self.convolution.statistics_size

    @property
    def norms(self) -> tuple[str, ...]:
        """Names of the layer normalisations, in the order of execution."""
        middle = ("cross_attention_norm",) if self.causal else ()
        return ("mixer_norm", *middle, "feed_forward_norm")

    def build(self, *shapes: Any) -> None:
        """Creates the weights at full width."""
        for part in (self.attention, self.cross_attention, self.convolution):
            if part is not None:
                part.build()
        for name in self.norms:
            self.add_norm(name, self.width)
        self.add_linear("hidden", self.width, self.hidden_units)
        self.add_linear("output", self.hidden_units, self.width)
        self.built = True

    def call(
        self,
        x: Any,
        code: Any,
        mask: Any,
        encoded: Any = None,
        encoded_mask: Any = None,
        statistics: Any = None,
        drop: Drop = lambda y: y,
    ) -> tuple[Any, Any]:
        """Runs the block, or hands its input on where the network has it not.

        Args:
            x: Tensor `(batch, tokens, channels)`.
            code: The integers of `encode` for this block.
            mask: Boolean tensor `(batch, tokens)`, False for padding.
            encoded: Outcome of the encoder, in the decoder.
            encoded_mask: Its mask.
            statistics: Statistics of the normalisation behind adders, or None for the batch's.
            drop: Dropout.

        Returns:
            The output, and the statistics that were used, `(2, statistics_size)`.
        """
        width = code[COLUMNS.width]
        used_statistics: list[Any] = []

        def mix(h: Any) -> Any:
            mixed, found = self._mix(h, code, mask, statistics)
            used_statistics.append(found)
            return mixed

        def attend(h: Any) -> Any:
            assert self.cross_attention is not None
            hidden = functions.scores_mask(encoded_mask, False, h.dtype)
            shifts = code[COLUMNS.shifts] if self.projection_shifts else None
            heads = code[COLUMNS.heads]
            return self.cross_attention.call(h, encoded, hidden, heads, width, shifts)

        def feed(h: Any) -> Any:
            shifts = code[COLUMNS.feed_forward_shifts] if self.feed_forward_shifts else None
            h = functions.linear(h, *self.linear("hidden"), shifts, self.weight_bits)
            units = functions.prefix(self.hidden_units, code[COLUMNS.hidden_units], h.dtype)
            h = drop(ops.relu(h) * units)
            h = functions.linear(h, *self.linear("output"), shifts, self.weight_bits)
            return h * functions.prefix(self.width, width, h.dtype)

        parts = (mix, attend, feed) if self.causal else (mix, feed)
        y = x
        for name, part in zip(self.norms, parts, strict=True):
            y = self._residual(name, y, part, width, drop)
        return ops.where(code[COLUMNS.used] > 0, y, x), used_statistics[0]

    def _residual(self, name: str, x: Any, part: Drop, width: Any, drop: Drop) -> Any:
        def norm(h: Any) -> Any:
            epsilon = functions.LAYER_NORM_EPSILON
            return functions.layer_norm(h, *self.norm(name), width, epsilon)

        if self.normalize_first:
            return x + drop(part(norm(x)))
        return norm(x + drop(part(x)))

    def _mix(self, h: Any, code: Any, mask: Any, statistics: Any) -> tuple[Any, Any]:
        width = code[COLUMNS.part_width]
        shifts = code[COLUMNS.shifts] if self.projection_shifts else None
        halved = code[COLUMNS.attends] * code[COLUMNS.convolution] > 0
        mixed, found = None, ops.zeros((2, self.statistics_size), dtype=h.dtype)
        if self.attention is not None:
            x = h * functions.prefix(self.width, width, h.dtype)
            hidden = functions.scores_mask(mask, self.causal, h.dtype)
            heads = code[COLUMNS.part_heads]
            mixed = self.attention.call(x, x, hidden, heads, width, shifts)
            mixed = mixed * ops.cast(code[COLUMNS.attends] > 0, h.dtype)
        if self.convolution is not None:
            choice = code[COLUMNS.embedding]
            x = ops.where(halved, functions.second_half(h, self.sizes, choice), h)
            y, found = self.convolution.call(x, code, mask, shifts, statistics)
            y = ops.where(halved, functions.behind_first_half(y, self.sizes, choice), y)
            y = y * ops.cast(code[COLUMNS.convolution] > 0, h.dtype)
            mixed = y if mixed is None else mixed + y
        return mixed, found
