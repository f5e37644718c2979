"""The arguments that all ready networks have in common, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_shiftadd import ops
from keras_shiftadd.ops._numbers import is_number, is_positive_integer, positive

OPERATORS = ("conv", "shift", "adder", "shift_adder")
ACTIVATIONS = ("relu", "power")
SHORTCUTS = ("block", "layer")
_POOLINGS = (None, "avg", "max")


@dataclass(frozen=True)
class Arguments:
    """Checked arguments of a ready network.

    Args:
        function: name of the public function.
        given: the arguments by name, as they were given.
        operators: one a block.
        rank: 1 for time series, held as images of one column; 2 for images.
    """

    function: str
    given: dict[str, Any]
    operators: tuple[str, ...]
    rank: int

    def __getattr__(self, name: str) -> Any:
        given = self.__dict__.get("given", {})
        if name not in given:
            raise AttributeError(name)
        return given[name]


def check_arguments(function: str, given: Mapping[str, Any], blocks: int) -> Arguments:
    """Checks the arguments of a ready network.

    Args:
        function: name of the public function.
        given: all its arguments by name.
        blocks: number of blocks that have an operator.

    Raises:
        ValueError: If an argument is out of its range.
    """
    given = dict(given)
    shape = given["input_shape"]
    if (
        not isinstance(shape, tuple | list)
        or len(shape) not in (2, 3)
        or not all(is_positive_integer(size) for size in shape)
    ):
        raise ValueError(
            "`input_shape` must be (height, width, channels) or (steps, channels), all positive "
            f"integers. Received: input_shape={shape!r}."
        )
    given["input_shape"] = tuple(map(int, shape))
    given["num_classes"] = positive(given["num_classes"], "num_classes")
    for name, allowed in (
        ("stem_operator", OPERATORS),
        ("classifier_operator", OPERATORS),
        ("pooling", _POOLINGS),
        ("activation", ACTIVATIONS),
        ("shortcuts", SHORTCUTS),
    ):
        if name in given and given[name] not in allowed:
            raise ValueError(
                f"`{name}` must be one of {allowed}. Received: {name}={given[name]!r}."
            )
    if given["include_top"] and given["pooling"] is not None:
        raise ValueError(
            "`pooling` is for `include_top=False`; with a classifier the average is taken. "
            f"Received: pooling={given['pooling']!r}."
        )
    for name in ("alpha", "gradient_scale"):
        _check_number(given.get(name), name)
    ops.quantized_exponents(given["weight_bits"])  # says what they may be
    operators = block_operators(given["operators"], blocks)
    if not isinstance(given["operators"], str):
        given["operators"] = operators
    return Arguments(function, given, operators, len(shape) - 1)


def block_operators(operators: Any, blocks: int) -> tuple[str, ...]:
    """An operator for each block.

    Raises:
        ValueError: If a name is not known, or there are more or fewer than blocks.
    """
    names = (operators,) * blocks if isinstance(operators, str) else operators
    if not isinstance(names, tuple | list) or any(name not in OPERATORS for name in names):
        raise ValueError(
            f"`operators` must be one of {OPERATORS}, or a sequence of them. "
            f"Received: operators={operators!r}."
        )
    if len(names) != blocks:
        raise ValueError(
            f"`operators` must name one operator, or one for each of the {blocks} blocks. "
            f"Received: {len(names)} names."
        )
    return tuple(names)


def _check_number(value: Any, name: str) -> None:
    if value is not None and not (is_number(value) and 0 < value < float("inf")):
        raise ValueError(f"`{name}` must be a number above 0. Received: {name}={value!r}.")
