"""Augmented."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_shiftadd.callbacks._augmentation.groups import Widths
from keras_shiftadd.callbacks._augmentation.slots import slots_of
from keras_shiftadd.callbacks._augmentation.wide_layers import Options
from keras_shiftadd.callbacks._augmentation.wide_network import WideNetwork
from keras_shiftadd.ops import WEIGHT_SHARINGS
from keras_shiftadd.ops._numbers import is_integer, is_number

OPERATORS = ("conv", "mixed", "own")
Factors = Sequence[float] | Mapping[str, float] | Sequence[Mapping[str, float]]


class Augmented:
    """A model and the wide networks around it, for training loops of your own.

    The wide networks compute with the weights of the model and extra ones. Train both with
    `loss(model) + loss_weight * loss(wide network)`; only the model is kept. `HybridAugmentation`
    does the same in `model.fit`.

    Args:
        model: Built Functional or Sequential `keras.Model`.
        widths: Tuple of floats above 1, factors of the numbers of channels. There are as many
            wide networks as widths; each layer has each width in one of them. Or a dictionary
            from names of layers to such factors, one wide network in which only these layers are
            wider, or a tuple of dictionaries, one a wide network; `expansions` is None then.
        expansions: Tuple of floats from 1 for the channels inside blocks (those of a depthwise
            layer), times the width of the block's input; `None` draws them from `widths`.
        operator: What computes in the wide networks. `"own"`: extra channels have the operator of
            their layer, so nothing is multiplicative that was not before. `"conv"`: convolutions
            throughout; the kernels of shift and adder layers serve them by `weight_sharing`.
            `"mixed"`: shift and adder layers stay what they are, and convolutions are added around
            them.
        loss_weight: Float from 0, weight of the wide network's loss. The gradients of adder
            kernels, which are brought to a fixed norm, have that norm times this.
        weight_sharing: How a convolution uses the kernel of an adder layer, with
            `operator="conv"`. `"transport"`: the Laplace distribution of adder kernels is mapped
            to a Gaussian (`keras_shiftadd.ops.laplace_to_gaussian`), with a trained gain and
            offset. `"gain"`: standardised, with a gain and offset. `"binned"`: a trained gain for
            each of 100 equal ranges of values. `"none"`: as it is. Shift layers share the float
            kernel that they round.
        exclude: Names of layers whose channels keep their number.
        seed: Integer, seed of the extra weights and of the order of the wide networks.

    Raises:
        ValueError: If an argument is out of its range, or nothing of the model can be widened.

    Example:

    ```python
    model = keras.Sequential([
        keras.Input((8, 8, 3)),
        ksa.layers.ShiftConv2D(8, 3),
        keras.layers.BatchNormalization(),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2),
    ])
    augmented = ksa.callbacks.Augmented(model, widths=(2.0,))
    x = np.zeros((4, 8, 8, 3), "float32")
    logits, wide_logits = model(x, training=True), augmented(x)
    ```

    Reference:
        - [Guo et al., 2024, ShiftAddAug](https://arxiv.org/abs/2407.02881)
        - [Cai et al., 2022, NetAug](https://arxiv.org/abs/2110.08890)
    """

    def __init__(
        self,
        model: keras.Model,
        widths: Factors = (1.6, 2.2, 2.8),
        expansions: Sequence[float] | None = None,
        operator: str = "own",
        loss_weight: float = 1.0,
        weight_sharing: str = "transport",
        exclude: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        check_arguments(widths, expansions, operator, loss_weight, weight_sharing, seed)
        self.model = model
        self.loss_weight = float(loss_weight)
        options = Options(operator, weight_sharing, self.loss_weight)
        if isinstance(widths, Mapping):
            widths = (widths,)
        self._network = WideNetwork(model, widths, expansions, options, exclude, seed)
        is_sequential = isinstance(model, keras.Sequential)
        self._structure = model.compute_output_spec(
            model.inputs[0] if is_sequential else model.input
        )
        self._seed = seed
        self._number = 0

    @property
    def extra_variables(self) -> list[keras.Variable]:
        """The weights that only the wide networks have."""
        return list(self._network.variables)

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """The weights of the model, then the extra ones."""
        return [*self.model.trainable_variables, *self._network.variables]

    @property
    def configurations(self) -> list[Widths]:
        """The wide networks."""
        return list(self._network.configurations)

    def next_configuration(self) -> Widths:
        """Draws a wide network: in each round of draws, each comes once."""
        configurations = self._network.configurations
        turn, place = divmod(self._number, len(configurations))
        self._number += 1
        order = list(range(len(configurations)))
        random.Random(f"{self._seed} {turn}").shuffle(order)
        return configurations[order[place]]

    def __call__(self, inputs: Any, configuration: Widths | None = None) -> Any:
        """Predictions of a wide network in training.

        Args:
            inputs: Inputs of the model.
            configuration: One of `configurations`; `None` draws the next one. In a compiled
                function the choice is made when it is traced: compile one for each.

        Returns:
            What the model returns: a tensor, or tensors in the structure of its outputs.
        """
        configuration = self.next_configuration() if configuration is None else configuration
        outputs = self._network(inputs, configuration)
        return keras.tree.pack_sequence_as(self._structure, outputs)

    def sort_channels(self, optimizer: keras.optimizers.Optimizer | None = None) -> list[str]:
        """Makes the most important channels of the widest network those of the model.

        A channel is as important as the sum of the magnitudes of the weights that read it. What
        the widest network computes stays the same, up to the mapping of adder kernels; the moving
        averages of the model's `BatchNormalization` have to be estimated anew
        (`recalibrate_batch_normalization`). Channels around shift layers that train signs and
        exponents, and around shift and adder layers with `operator="mixed"` or
        `weight_sharing="binned"`, stay where they are.

        Args:
            optimizer: Optimizer of `trainable_variables` that is built: its slots (momentum, for
                one) go with the channels. Where a channel changes between an adder layer and the
                convolution that it is mapped to, they begin anew. Slots of another shape than
                their weight, as Adafactor's, stay where they are. `None` moves weights alone.

        Returns:
            Names of the layers that make the channels that were sorted.
        """
        if optimizer is None:
            return self._network.sort_channels()
        return self._network.sort_channels(slots_of(optimizer, self.trainable_variables))

    def describe(self) -> str:
        """A line for each layer that makes channels: how many, or why it keeps its own."""
        return self._network.describe()


def check_arguments(
    widths: Any,
    expansions: Any,
    operator: Any,
    loss_weight: Any,
    weight_sharing: Any,
    seed: Any,
) -> None:
    """Raises ValueError for an argument out of its range."""
    by_name = isinstance(widths, Mapping) or (
        isinstance(widths, list | tuple) and any(isinstance(of, Mapping) for of in widths)
    )
    if by_name:
        _check_factors_by_name(widths, expansions)
    for name, values, least in (("widths", widths, 1.0), ("expansions", expansions, None)):
        if by_name or (values is None and name == "expansions"):
            continue
        numbers = isinstance(values, list | tuple) and all(map(is_number, values))
        if not numbers or not values or any(not v >= 1 or v == least for v in values):
            rule = "above 1" if least else "from 1"
            raise ValueError(
                f"`{name}` must be a tuple of numbers {rule}, factors of the number of "
                f"channels. Received: {values!r}"
            )
    if operator not in OPERATORS:
        raise ValueError(f"`operator` must be one of {OPERATORS}. Received: {operator!r}")
    if weight_sharing not in WEIGHT_SHARINGS:
        raise ValueError(
            f"`weight_sharing` must be one of {WEIGHT_SHARINGS}. Received: {weight_sharing!r}"
        )
    if not is_number(loss_weight) or not loss_weight >= 0:
        raise ValueError(f"`loss_weight` must be a number from 0. Received: {loss_weight!r}")
    if not is_integer(seed):
        raise ValueError(f"`seed` must be an integer. Received: {seed!r}")


def _check_factors_by_name(widths: Any, expansions: Any) -> None:
    networks = [widths] if isinstance(widths, Mapping) else widths
    for factors in networks:
        numbers = isinstance(factors, Mapping) and all(map(is_number, factors.values()))
        if not numbers or not factors or any(not v >= 1 for v in factors.values()):
            raise ValueError(
                "`widths` by name must be a dictionary from names of layers to numbers from 1, or "
                f"a tuple of such dictionaries. Received: {widths!r}"
            )
    if expansions is not None:
        raise ValueError(
            "`expansions` must be None where `widths` names the layers. Received: "
            f"expansions={expansions!r}"
        )
