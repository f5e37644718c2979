"""What a search asks of a space."""

from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd.tuners._space.genes import Architecture
from keras_shiftadd.tuners._space.moves import Moves

if TYPE_CHECKING:
    from keras_shiftadd.cost import Budget, Cost


class SearchSpace(Moves):
    """Base of the spaces that `HybridTuner` and `HybridOracle` search."""

    operators: tuple[str, ...]
    # What the parts of its networks cost: it finds the cheapest.
    _costs: Any

    def cost(self, architecture: Architecture, budget: "Budget") -> "Cost":
        """What an architecture costs."""
        raise NotImplementedError

    def cheapest(self, budget: "Budget") -> dict[str, Architecture]:
        """The cheapest architectures.

        Args:
            budget: `keras_shiftadd.cost.Budget`.

        Returns:
            For each limit of the budget (`"energy_uj"`, `"instructions"`, `"flash"`, `"ram"`), the
            architecture that needs the least of it.
        """
        return {limit: self._costs.cheapest(budget, limit) for limit in budget.limits}

    def build(self, architecture: Architecture) -> keras.Model:
        """Builds the network of an architecture."""
        raise NotImplementedError

    def check_inputs(self, x: Any, y: Any) -> None:
        """Raises a ValueError unless arrays of training data fit the networks."""
        raise NotImplementedError

    def default_optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """The optimizer of a training of so many steps where none is given.

        Args:
            steps: Integer, number of steps.

        Returns:
            SGD with Nesterov momentum and a cosine schedule.
        """
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps, alpha=0.0, warmup_target=0.1, warmup_steps=max(1, steps // 20)
        )
        return keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=1e-4)

    def training_callbacks(self, architecture: Architecture) -> list[keras.callbacks.Callback]:
        """What the network of an architecture is trained with besides.

        Args:
            architecture: An architecture of this space.

        Returns:
            A list of callbacks of `fit`; here an empty one.
        """
        self.validate(architecture)
        return []

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this space, as plain Python objects."""
        raise NotImplementedError
