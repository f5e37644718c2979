"""Checks of the arguments of `HybridOracle`."""

from typing import Any

from keras_shiftadd.ops._numbers import is_number, positive
from keras_shiftadd.tuners._oracle.evolution import METHODS, PARENT_SELECTIONS, Strategy


def check_strategy(
    method: str,
    population_size: int,
    num_parents: int,
    parent_selection: str | None,
    tournament_size: int,
    mutation_probability: float,
    crossover_share: float | None,
    restart_share: float | None,
    single_operator_share: float | None,
) -> Strategy:
    """The strategy, with the defaults of the method where an argument is None."""
    aging = method == "regularized_evolution"
    strategy = Strategy(
        check_choice("method", method, METHODS),
        positive(population_size, "population_size"),
        positive(num_parents, "num_parents"),
        ("tournament" if aging else "top") if parent_selection is None else parent_selection,
        positive(tournament_size, "tournament_size"),
        check_share("mutation_probability", mutation_probability),
        check_share("crossover_share", crossover_share, default=0.0 if aging else 0.5),
        check_share("restart_share", restart_share, default=0.0 if aging else 0.2),
        check_share(
            "single_operator_share",
            single_operator_share,
            default=0.0 if method == "random" else 0.5,
        ),
    )
    check_choice("parent_selection", strategy.parent_selection, PARENT_SELECTIONS)
    if num_parents > population_size:
        raise ValueError(
            "`num_parents` must not be larger than `population_size`. "
            f"Received: num_parents={num_parents}, population_size={population_size}"
        )
    return strategy


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """One of some strings."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={value!r}")
    return str(value)


def check_share(name: str, value: Any, default: float | None = None) -> float:
    """A number from 0 to 1."""
    value = default if value is None else value
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"`{name}` must be a number from 0 to 1. Received: {name}={value!r}")
    return float(value)


def check_seconds(name: str, value: Any) -> float | None:
    """A positive number, or None."""
    if value is None:
        return None
    if not is_number(value) or not value > 0:
        raise ValueError(
            f"`{name}` must be a positive number of seconds or None. Received: {name}={value!r}"
        )
    return float(value)
