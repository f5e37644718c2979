"""Checks of the arguments of `TranslationSpace`."""

from typing import TYPE_CHECKING, Any

from keras_shiftadd.ops._numbers import is_positive_integer

if TYPE_CHECKING:
    from keras_shiftadd.tuners.translation_space import TranslationSpace


def integers(given: Any, name: str) -> tuple[int, ...]:
    """Positive integers, ascending, each once."""
    values = tuple(given) if isinstance(given, list | tuple) else ()
    fits = bool(values) and all(map(is_positive_integer, values))
    if not fits or values != tuple(sorted(set(values))):
        raise ValueError(
            f"`{name}` must hold integers (positive, ascending, each once). Received: {given!r}"
        )
    return tuple(map(int, values))


def names(given: Any, name: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Names out of some, each once, in the order of `allowed`."""
    values = tuple(given) if isinstance(given, list | tuple) else ()
    if not values or len(set(values)) != len(values) or not set(values) <= set(allowed):
        raise ValueError(
            f"`{name}` must be one or several of {allowed}, each once. Received: {given!r}"
        )
    return tuple(value for value in allowed if value in values)


def check_heads(space: "TranslationSpace") -> None:
    """Raises ValueError unless the heads of convolutions divide the channels."""
    for operators in space.block_operators.values():
        for operator in operators:
            parts = operator.split("+")
            if parts[-1] == "attention":
                continue
            for size in space.embedding_dims:
                for heads in space.num_heads:
                    each = max(1, heads // len(parts))
                    if size // len(parts) % each:
                        raise ValueError(
                            f"`embedding_dims` must be multiples of all `num_heads` for the "
                            f"operator {operator!r}, whose convolution has a kernel a head. "
                            f"Received: {size} channels with {heads} heads."
                        )
