"""Limits on what an inference may cost."""

import math
from dataclasses import dataclass

import keras

from keras_shiftadd.cost._cost import Cost
from keras_shiftadd.cost._estimate import check_target, estimate
from keras_shiftadd.cost._hardware import Hardware
from keras_shiftadd.cost._operation_counts import OperationCounts
from keras_shiftadd.cost._steps import Accounting
from keras_shiftadd.cost._targets import HARDWARE, hardware
from keras_shiftadd.ops._numbers import is_number, plain

_LIMITS = ("energy_uj", "instructions", "flash", "ram")


@dataclass(frozen=True)
class Budget:
    """Limits on what one inference may cost on a target.

    Args:
        energy_uj: largest energy in uJ, on a target that has an energy model.
        instructions: most executed instructions, on a target that counts them.
        flash: most bytes of weights.
        ram: most bytes of activations at a time.
        target: a name in `ksa.cost.HARDWARE`, or a `Hardware`.
        bits: word length of weights and activations.
        accounting: `"fair"` or `"paper"`.

    Raises:
        ValueError: no limit is set, a limit is not a positive number, the target has no figures
            for it, or `target`, `bits` or `accounting` is unknown.

    Example:

    >>> budget = ksa.cost.Budget(instructions=2e6, ram=64 * 1024, target="cortex-m4")
    >>> cost = budget.estimate(model)
    >>> budget.allows(cost)
    >>> budget.excess(cost)       # {"ram": 1.5}: half as much again as there is
    """

    energy_uj: float | None = None
    instructions: float | None = None
    flash: float | None = None
    ram: float | None = None
    target: str | Hardware = "asic-45nm"
    bits: int = 8
    accounting: Accounting = "fair"

    def __post_init__(self) -> None:
        where = hardware(self.target)
        check_target(where, self.bits, self.accounting)
        if not self.limits:
            raise ValueError(
                "A budget must set at least one limit. Received: none. "
                f"Pass one or more of {', '.join(f'{name}=' for name in _LIMITS)}."
            )
        for name, limit in self.limits.items():
            if not is_number(limit) or not 0 < limit < math.inf:
                raise ValueError(f"`{name}` must be a positive number. Received: {name}={limit!r}")
            object.__setattr__(self, name, plain(limit))
        for name, has in (("energy_uj", "has_energy"), ("instructions", "has_instructions")):
            if name in self.limits and not getattr(where, has):
                known = ", ".join(key for key, value in HARDWARE.items() if getattr(value, has))
                raise ValueError(
                    f"`{name}` needs a target with figures for it. Received: {name}="
                    f"{self.limits[name]!r} with target {where.name!r}. These have them: {known}."
                )

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by name."""
        limits = {name: getattr(self, name) for name in _LIMITS}
        return {name: limit for name, limit in limits.items() if limit is not None}

    def estimate(self, model_or_counts: keras.Model | OperationCounts) -> Cost:
        """What a model costs on the target of the budget.

        Args:
            model_or_counts: a built Keras model, or what `count_operations` returned for it.

        Returns:
            A `Cost`.
        """
        return estimate(model_or_counts, self.target, self.bits, self.accounting)

    def excess(self, cost: Cost) -> dict[str, float]:
        """How far a cost is above the limits.

        Args:
            cost: a cost on the target of the budget.

        Returns:
            For each limit that is not kept, the cost divided by the limit.

        Raises:
            ValueError: the cost says nothing about a limit, being of another target.
        """
        ratios = {}
        for name, limit in self.limits.items():
            value = getattr(cost, name)
            if value is None:
                raise ValueError(
                    f"`cost` must be of the target of the budget. Received: {cost}, which says "
                    f"nothing about {name}. Budget.estimate(model) gives one that does."
                )
            if value > limit:
                ratios[name] = value / limit
        return ratios

    def allows(self, cost: Cost) -> bool:
        """Whether a cost keeps all limits.

        Args:
            cost: a cost on the target of the budget.

        Returns:
            True if it does.
        """
        return not self.excess(cost)
