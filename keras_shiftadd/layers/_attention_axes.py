"""Which axes attention goes along, and the way of tensors to heads and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from keras import ops

from keras_shiftadd.ops._numbers import is_integer


def attention_axes_argument(value: Any) -> tuple[int, ...] | None:
    """Returns `attention_axes` if it is None, an integer or a sequence of different ones."""
    if value is None:
        return None
    axes = (value,) if isinstance(value, Integral) else value
    if (
        not isinstance(axes, tuple | list)
        or not axes
        or not all(map(is_integer, axes))
        or len(set(axes)) != len(axes)
    ):
        raise ValueError(
            "`attention_axes` must be None, an integer or a tuple of different integers. "
            f"Received: attention_axes={value!r}."
        )
    return tuple(map(int, axes))


@dataclass(frozen=True)
class AttentionAxes:
    """The axes of `(batch, *sizes, channels)`, sorted into attended and free ones.

    Tensors with heads have the shape `(batch, *free, heads, tokens, size)`, where `tokens` are all
    positions along the attended axes.

    Args:
        rank: Number of axes, batch and channels included.
        attended: The attended axes, in the order of the argument.
    """

    rank: int
    attended: tuple[int, ...]

    @classmethod
    def of(cls, argument: tuple[int, ...] | None, rank: int, name: str) -> "AttentionAxes":
        """Returns the axes for inputs of a rank.

        Args:
            argument: The argument `attention_axes`, as it was checked.
            rank: Number of axes of the inputs.
            name: Name of the layer, for errors.

        Raises:
            ValueError: If an axis is not between batch and channels.
        """
        if rank < 3:
            raise ValueError(
                f"Inputs of layer '{name}' must have 3 axes or more: batch, tokens, channels. "
                f"Received: {rank} axes."
            )
        axes = tuple(range(1, rank - 1)) if argument is None else argument
        axes = tuple(axis + rank if axis < 0 else axis for axis in axes)
        if any(not 0 < axis < rank - 1 for axis in axes):
            raise ValueError(
                f"`attention_axes` of layer '{name}' must lie between batch and channels: from 1 "
                f"to {rank - 2}. Received: attention_axes={argument}."
            )
        return cls(rank, axes)

    @property
    def free(self) -> tuple[int, ...]:
        """The axes between batch and channels that are not attended."""
        return tuple(axis for axis in range(1, self.rank - 1) if axis not in self.attended)

    def sizes(self, shape: Sequence[Any], axes: tuple[int, ...]) -> tuple[Any, ...]:
        """The sizes of some axes."""
        return tuple(shape[axis] for axis in axes)

    def tokens(self, shape: Sequence[Any]) -> Any:
        """The number of positions along the attended axes."""
        result: Any = 1
        for size in self.sizes(shape, self.attended):
            result = result * size
        return result

    def split(self, inputs: Any, heads: int) -> Any:
        """`(batch, *sizes, heads * size)` -> `(batch, *free, heads, tokens, size)`."""
        shape = ops.shape(inputs)
        size = inputs.shape[-1] // heads
        x = ops.reshape(inputs, (*shape[:-1], heads, size))
        last = self.rank
        x = ops.transpose(x, (0, *self.free, self.rank - 1, *self.attended, last))
        if len(self.attended) == 1:
            return x
        free = self.sizes(shape, self.free)
        return ops.reshape(x, (shape[0], *free, heads, self.tokens(shape), size))

    def join(self, heads: Any, shape: Sequence[Any]) -> Any:
        """`(batch, *free, heads, tokens, size)` -> `(batch, *sizes, heads * size)`.

        Args:
            heads: The tensor.
            shape: A shape with the sizes of the result.
        """
        count, size = heads.shape[-3], heads.shape[-1]
        free = self.sizes(shape, self.free)
        attended = self.sizes(shape, self.attended)
        if len(self.attended) != 1:
            heads = ops.reshape(heads, (shape[0], *free, count, *attended, size))
        order = (0, *self.free, self.rank - 1, *self.attended, self.rank)
        heads = ops.transpose(heads, tuple(order.index(axis) for axis in range(self.rank + 1)))
        return ops.reshape(heads, (*shape[:-1], count * size))

    def score_shape(
        self, query: Sequence[Any], value: Sequence[Any], heads: int
    ) -> tuple[Any, ...]:
        """The shape of the scores: `(batch, *free, heads, *targets, *sources)`."""
        free, targets = self.sizes(query, self.free), self.sizes(query, self.attended)
        return (query[0], *free, heads, *targets, *self.sizes(value, self.attended))

    def positions(self, mask: Any) -> Any:
        """A mask `(batch, *sizes)` as `(batch, *free, tokens)`."""
        mask = ops.transpose(ops.cast(mask, "bool"), (0, *self.free, *self.attended))
        if len(self.attended) == 1:
            return mask
        shape = ops.shape(mask)
        count = 1 + len(self.free)
        result: Any = 1
        for size in shape[count:]:
            result = result * size
        return ops.reshape(mask, (*shape[:count], result))

    def pairs(self, mask: Any) -> Any:
        """An attention mask, with axes added in front of its pairs, as one that fits the scores.

        Args:
            mask: Boolean tensor `(..., *targets, *sources)` with as many axes as scores have or
                fewer.

        Returns:
            Tensor `(..., targets, sources)` that broadcasts to
            `(batch, *free, heads, targets, sources)`.
        """
        mask = ops.cast(mask, "bool")
        count = len(self.attended)
        if count > 1:
            shape = ops.shape(mask)
            leading = len(shape) - 2 * count
            targets, sources = 1, 1
            for size in shape[leading : leading + count]:
                targets = targets * size
            for size in shape[leading + count :]:
                sources = sources * size
            mask = ops.reshape(mask, (*shape[:leading], targets, sources))
        while len(mask.shape) < len(self.free) + 4:
            mask = ops.expand_dims(mask, -3)
        return mask
