"""AugmentationSpace."""

from typing import Any

import keras

from keras_shiftadd.callbacks import HybridAugmentation
from keras_shiftadd.cost import Budget, Cost
from keras_shiftadd.ops._numbers import is_number, positive
from keras_shiftadd.tuners._space.arguments import check_multiples
from keras_shiftadd.tuners._space.genes import Architecture, Gene, Values
from keras_shiftadd.tuners._space.networks import BlockPlan
from keras_shiftadd.tuners._space.widening import add_widening, layer_widths, tiny_part, wide_plan
from keras_shiftadd.tuners.hybrid_space import HybridSpace


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class AugmentationSpace(HybridSpace):
    """A space of tiny networks, each with the wide network that it is trained in.

    An architecture is one of the tiny space with factors beside it: `"width_multiple"` of a stage
    widens the channels that its blocks return, `"expansion_multiple"` of a block widens those
    inside it, on top of what the wide channels around it make of them. The wide network is one of
    convolutions; it exists in training only. Stem and classifier keep their channels.

    ```python no-run
    {"stages": [
        {"width": 16, "width_multiple": 2.4, "blocks": [
            {"operator": "shift", "kernel_size": 3, "expansion": 2, "expansion_multiple": 1.6}]},
        {"width": 24, "width_multiple": 3.2, "blocks": [
            {"operator": "adder", "kernel_size": 5, "expansion": 3, "expansion_multiple": 1.0}]},
    ]}
    ```

    `HybridTuner` searches it in two stages: first the factors, for one tiny network, then tiny
    networks with the best factors. Costs are those of the tiny network: `build` makes it, and
    nothing else is left after training.

    Args:
        tiny: `HybridSpace` of the tiny networks, without attention.
        width_multiples: Choices of the factors of a stage's channels, numbers above 1.
        expansion_multiples: Choices of the factors of the channels inside a block, numbers from 1.
        reference: The tiny network of the first stage, an architecture of `tiny`. `None` is the
            largest one of the first operator, made smaller until the budget allows it.
        first_stage_trials: Integer, trials of the first stage. Where it has fewer combinations of
            factors, the second one begins earlier.
        loss_weight: Number above 0, weight of the wide network's loss.

    Raises:
        ValueError: If an argument is out of its range, or `tiny` has attention.

    Example:

    >>> tiny = keras_shiftadd.tuners.HybridSpace((32, 32, 3), 10, operators=("shift", "adder"))
    >>> space = keras_shiftadd.tuners.AugmentationSpace(tiny, width_multiples=(2.2, 3.2))
    >>> architecture = space.sample(random.Random(0))
    >>> space.build(architecture).output_shape
    (None, 10)

    Reference:
        - [Guo et al., 2024, ShiftAddAug](https://arxiv.org/abs/2407.02881)
        - [Cai et al., 2022, NetAug](https://arxiv.org/abs/2110.08890)
    """

    def __init__(
        self,
        tiny: HybridSpace,
        width_multiples: tuple[float, ...] = (2.2, 2.4, 2.8, 3.2),
        expansion_multiples: tuple[float, ...] = (1.0, 1.6, 2.2),
        reference: Architecture | None = None,
        first_stage_trials: int = 50,
        loss_weight: float = 1.0,
    ) -> None:
        if not isinstance(tiny, HybridSpace) or isinstance(tiny, AugmentationSpace):
            raise ValueError(f"`tiny` must be a HybridSpace. Received: {tiny!r}")
        if "attention" in tiny.operators:
            raise ValueError(
                "`tiny` must be a space without attention, whose channels cannot be widened. "
                f"Received: operators={tiny.operators}"
            )
        self.tiny = tiny
        self.width_multiples = check_multiples("width_multiples", width_multiples, above_one=True)
        self.expansion_multiples = check_multiples("expansion_multiples", expansion_multiples)
        self.first_stage_trials = positive(first_stage_trials, "first_stage_trials")
        if not is_number(loss_weight) or not 0 < loss_weight < float("inf"):
            raise ValueError(f"`loss_weight` must be a number above 0. Received: {loss_weight!r}")
        self.reference = None if reference is None else tiny.validate(reference)
        self.loss_weight = float(loss_weight)
        super().__init__(**tiny.get_config())

    def _list_genes(self) -> tuple[Gene, ...]:
        return add_widening(super()._list_genes(), self.width_multiples, self.expansion_multiples)

    def tiny_architecture(self, architecture: Architecture) -> Architecture:
        """The tiny network of an architecture.

        Args:
            architecture: An architecture of this space.

        Returns:
            An architecture of `tiny`.
        """
        return tiny_part(self.validate(architecture))

    def widening(self, architecture: Architecture) -> Values:
        """The factors of an architecture by the names of their hyperparameters.

        Args:
            architecture: An architecture of this space.

        Returns:
            A dictionary from names to numbers; factors without a choice are left out.
        """
        values = self.values(architecture)
        return {name: value for name, value in values.items() if name.endswith("_multiple")}

    def wide_plan(self, architecture: Architecture) -> list[BlockPlan]:
        """All blocks of the wide network with their sizes.

        Args:
            architecture: An architecture of this space.

        Returns:
            A list of `BlockPlan` like that of `plan`; all blocks are convolutions.
        """
        return wide_plan(self, architecture)

    def layer_widths(self, architecture: Architecture) -> dict[str, float]:
        """The factors of an architecture by the layers of its tiny network.

        Args:
            architecture: An architecture of this space.

        Returns:
            A dictionary, the `widths` of `HybridAugmentation`.
        """
        return layer_widths(self.plan(architecture), self.wide_plan(architecture))

    def training_callbacks(self, architecture: Architecture) -> list[keras.callbacks.Callback]:
        """What trains the tiny network of an architecture inside its wide one.

        Args:
            architecture: An architecture of this space.

        Returns:
            A list with a `HybridAugmentation`.
        """
        widths = self.layer_widths(architecture)
        return [HybridAugmentation(widths, operator="conv", loss_weight=self.loss_weight)]

    def cost(self, architecture: Architecture, budget: Budget) -> Cost:
        """What the tiny network of an architecture costs; augmentation costs nothing.

        Args:
            architecture: An architecture of this space.
            budget: `keras_shiftadd.cost.Budget`, which names the hardware and the word length.

        Returns:
            `keras_shiftadd.cost.Cost`.
        """
        return self.tiny.cost(self.tiny_architecture(architecture), budget)

    def cheapest(self, budget: Budget) -> dict[str, Architecture]:
        """The cheapest architectures, with the first choice of each factor.

        Args:
            budget: `keras_shiftadd.cost.Budget`.

        Returns:
            See `HybridSpace.cheapest`.
        """
        return {
            limit: self.architecture(self.tiny.values(architecture))
            for limit, architecture in self.tiny.cheapest(budget).items()
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this space, as plain Python objects."""
        return {
            "tiny": self.tiny.get_config(),
            "width_multiples": self.width_multiples,
            "expansion_multiples": self.expansion_multiples,
            "reference": self.reference,
            "first_stage_trials": self.first_stage_trials,
            "loss_weight": self.loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AugmentationSpace":
        """Makes a space from `get_config`'s dictionary."""
        return cls(**{**config, "tiny": HybridSpace.from_config(config["tiny"])})
