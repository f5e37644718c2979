"""MixtureOfPrimitives."""

from typing import Any

import keras
from keras import ops

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers._balance import TopKGates, balance_loss, exceedance
from keras_shiftadd.layers._projections import PROJECTIONS
from keras_shiftadd.layers.hybrid_feed_forward import HybridFeedForward
from keras_shiftadd.ops import _numbers


@keras.saving.register_keras_serializable(package="keras_shiftadd")
class MixtureOfPrimitives(keras.layers.Layer):
    """Feed-forward experts of different operators, and a router that gives tokens to them.

    Each expert is a `HybridFeedForward`. The router is a dense layer with a softmax; a token goes
    to the `top_k` experts of the largest probabilities, and their outputs are added up weighted
    by them, so that the router is trained by the task also with `top_k=1`.

    In training a loss is added that spreads the tokens over the experts in inverse proportion to
    their latencies: `balance_weight` times the sum of the squared coefficients of variation of
    the experts' importance (the sum of their probabilities) and load (the expected number of
    their tokens under noise), each multiplied by the expert's latency. Masked positions do not
    count.

    Every expert is computed for every token, and the outputs of those that were not chosen are
    multiplied by zero: shapes stay fixed on all backends. A runtime that computes the chosen
    experts only gets the same result. `keras_shiftadd.cost` counts what is computed here.

    Args:
        hidden_units: Integer, size of the hidden layer of each expert.
        experts: Sequence of two or more of `"dense"`, `"shift"` and `"adder"`, the operators of
            the experts.
        units: Integer, size of the output; `None` is that of the input.
        top_k: Integer, experts a token.
        expert_latencies: Sequence of positive numbers, the latency of each expert in any unit;
            `None`: all alike.
        balance_weight: Number, weight of the balance loss.
        router_noise: Number above 0, deviation of the noise on the router's scores: added in
            training, and the scale on which loads are estimated. `None` is one over the number of
            experts.
        activation: Activation function of the experts, or its name.
        dropout: Number from 0 to below 1, share of the hidden values that training drops.
        weight_bits: Bits of shift kernels; see `ShiftDense`.
        normalization_momentum: Number from 0 to below 1, momentum of the moving statistics behind
            adder layers.
        seed: Integer, seed of noise and dropout.
        **kwargs: Keyword arguments of `keras.layers.Layer`, such as `name` and `dtype`.

    Call arguments:
        inputs: Tensor `(batch, ..., channels)`.
        mask: Boolean tensor `(batch, ...)`, or `None`.
        training: Boolean, whether noise and the balance loss are added.

    Input shape:
        Tensor `(batch, ..., channels)`.

    Output shape:
        Tensor `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is out of its range, or the inputs do not fit the layer.

    Example:

    >>> x = keras.random.normal((4, 10, 16))
    >>> layer = keras_shiftadd.layers.MixtureOfPrimitives(64, expert_latencies=(3.0, 1.0))
    >>> layer(x).shape
    (4, 10, 16)

    Reference:
        - [You et al., 2023, ShiftAddViT](https://arxiv.org/abs/2306.06446), section 4.3.
        - [Shazeer et al., 2017, Outrageously Large Neural Networks](
        https://arxiv.org/abs/1701.06538), section 4 and appendix A, for importance and load.
        - [Fedus et al., 2021, Switch Transformers](https://arxiv.org/abs/2101.03961), for
        weighting by the probability with one expert a token.
    """

    def __init__(
        self,
        hidden_units: int,
        experts: tuple[str, ...] = ("dense", "shift"),
        units: int | None = None,
        top_k: int = 1,
        expert_latencies: tuple[float, ...] | None = None,
        balance_weight: float = 0.01,
        router_noise: float | None = None,
        activation: Any = "relu",
        dropout: float = 0.0,
        weight_bits: int = 5,
        normalization_momentum: float = 0.99,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.experts = _experts(experts)
        count = len(self.experts)
        self.hidden_units = _numbers.positive(hidden_units, "hidden_units")
        self.units = None if units is None else _numbers.positive(units, "units")
        self.top_k = _numbers.positive(top_k, "top_k")
        if top_k > count:
            raise ValueError(
                "`top_k` must be at most the number of experts. "
                f"Received: top_k={top_k}, experts={self.experts}."
            )
        self.expert_latencies = _latencies(expert_latencies, count)
        self.balance_weight = _numbers.not_negative(balance_weight, "balance_weight")
        self.router_noise = _numbers.positive_number(router_noise, "router_noise")
        self.activation = keras.activations.get(activation)
        self.dropout = _numbers.fraction(dropout, "dropout")
        self.weight_bits = weight_bits
        self.normalization_momentum = normalization_momentum
        self.seed = seed
        self._noise = self.router_noise or 1.0 / count
        self._seed_generator = keras.random.SeedGenerator(seed)
        self.router = keras.layers.Dense(
            count,
            use_bias=False,
            trainable=self.trainable,
            # In low precision near probabilities would change places.
            dtype="float32",
            name="router",
        )
        self.gates = TopKGates(top_k, dtype="float32", name="gates")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the router and the experts."""
        self.router.build(input_shape)
        self.expert_layers = [
            HybridFeedForward(
                self.hidden_units,
                self.units,
                activation=self.activation,
                dropout=self.dropout,
                projection=kind,
                weight_bits=self.weight_bits,
                normalization_momentum=self.normalization_momentum,
                seed=self.seed,
                trainable=self.trainable,
                dtype=self.dtype_policy,
                name=f"expert_{number}_{kind}",
            )
            for number, kind in enumerate(self.experts)
        ]
        for expert in self.expert_layers:
            expert.build(input_shape)
        self.built = True

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Routes the tokens, and adds the balance loss in training."""
        scores = self.router(inputs)
        noisy = scores
        if training:
            noise = keras.random.normal(
                ops.shape(scores), stddev=self._noise, dtype="float32", seed=self._seed_generator
            )
            noisy = scores + noise
        gates = self.gates(noisy)
        if training and self.balance_weight:
            self.add_loss(self.balance_weight * self._balance(scores, noisy, mask))
        gates = ops.cast(gates, self.compute_dtype)
        outputs = None
        for number, expert in enumerate(self.expert_layers):
            part = expert(inputs, mask=mask, training=training) * gates[..., number, None]
            outputs = part if outputs is None else outputs + part
        return outputs

    def route(self, inputs: Any) -> Any:
        """Returns the weight of each expert for each token at inference.

        Args:
            inputs: Tensor `(batch, ..., channels)`.

        Returns:
            Float32 tensor `(batch, ..., experts)`: the router's probability for the `top_k`
            experts of a token, zero for the others.
        """
        return self.gates(self.router(inputs))

    def _balance(self, scores: Any, noisy: Any, mask: Any) -> Any:
        count = len(self.experts)
        probabilities = ops.reshape(ops.softmax(scores, axis=-1), (-1, count))
        loads = exceedance(
            ops.reshape(scores, (-1, count)),
            ops.reshape(noisy, (-1, count)),
            self.top_k,
            self._noise,
        )
        if mask is not None:
            counted = ops.reshape(ops.cast(mask, "float32"), (-1, 1))
            probabilities, loads = probabilities * counted, loads * counted
        latencies = ops.convert_to_tensor(self.expert_latencies or (1.0,) * count, "float32")
        return balance_loss(probabilities, loads, latencies)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the output shape for an input shape."""
        return (*input_shape[:-1], self.units or input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of this layer, as plain Python objects."""
        return {
            **super().get_config(),
            "hidden_units": self.hidden_units,
            "experts": self.experts,
            "units": self.units,
            "top_k": self.top_k,
            "expert_latencies": self.expert_latencies,
            "balance_weight": self.balance_weight,
            "router_noise": self.router_noise,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "weight_bits": self.weight_bits,
            "normalization_momentum": self.normalization_momentum,
            "seed": self.seed,
        }


def _experts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or len(value) < 2:
        raise ValueError(
            f"`experts` must be a sequence of two or more of {PROJECTIONS}. "
            f"Received: experts={value!r}."
        )
    return tuple(_arguments.one_of(kind, PROJECTIONS, "experts") for kind in value)


def _latencies(value: Any, count: int) -> tuple[float, ...] | None:
    if value is None:
        return None
    if (
        not isinstance(value, tuple | list)
        or len(value) != count
        or not all(_numbers.is_number(x) and x > 0 for x in value)
    ):
        raise ValueError(
            f"`expert_latencies` must be a sequence of {count} positive numbers, one an expert. "
            f"Received: expert_latencies={value!r}."
        )
    return tuple(float(x) for x in value)
