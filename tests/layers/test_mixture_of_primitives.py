"""MixtureOfPrimitives: routing, the router's gradient, the balance loss and what it does."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import layer_gradients

L = ksa.layers


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 6, 5)).astype("float32")


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_output_is_the_weighted_sum_of_the_chosen_experts(x, top_k):
    layer = L.MixtureOfPrimitives(7, experts=("dense", "shift", "shift"), top_k=top_k)
    outputs = numpy_of(layer(x))
    scores = x @ numpy_of(layer.router.kernel)
    probabilities = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    chosen = np.argsort(-scores, -1)[..., :top_k]
    wanted = np.zeros_like(x)
    parts = [numpy_of(expert(x)) for expert in layer.expert_layers]
    for number, part in enumerate(parts):
        gate = probabilities[..., number] * (chosen == number).any(-1)
        wanted += part * gate[..., None]
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)
    gates = numpy_of(layer.route(x))
    assert ((gates > 0).sum(-1) == top_k).all()


@pytest.mark.parametrize("top_k", [1, 2])
def test_the_router_is_trained_by_the_task(x, rng, top_k):
    layer = L.MixtureOfPrimitives(
        7, experts=("dense", "shift", "dense"), top_k=top_k, balance_weight=0.0
    )
    layer.build(x.shape)
    _, _, gradients = layer_gradients(layer, x, rng.normal(size=x.shape).astype("float32"))
    (router,) = (
        gradient
        for gradient, weight in zip(gradients, layer.trainable_variables, strict=True)
        if "router" in weight.path
    )
    assert np.abs(router).max() > 1e-4


def expected_loss(layer, scores, latencies):
    """The balance loss without noise, in NumPy: loads are Gaussian tails."""
    probabilities = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    other = scores[..., ::-1]  # of two experts, the score to exceed is the other's
    erf = np.vectorize(__import__("math").erf)
    loads = 0.5 * (1 + erf((scores - other) / (layer._noise * np.sqrt(2))))
    total = 0.0
    for part in (probabilities, loads):
        weighted = part.reshape(-1, 2).sum(0) * latencies
        total += weighted.var() / weighted.mean() ** 2
    return total


def test_the_balance_loss_is_added_in_training_only(x):
    layer = L.MixtureOfPrimitives(
        7, expert_latencies=(3.0, 1.0), balance_weight=0.5, router_noise=1e-6
    )
    layer(x)
    assert not layer.losses
    layer(x, training=True)
    (loss,) = layer.losses
    scores = (x @ numpy_of(layer.router.kernel)).astype("float64")
    wanted = expected_loss(layer, scores, np.array([3.0, 1.0]))
    np.testing.assert_allclose(float(loss), 0.5 * wanted, rtol=1e-3)


def test_masked_positions_do_not_count_in_the_balance(x):
    mask = np.arange(6) < np.array([[6], [2], [3], [1]])
    layer = L.MixtureOfPrimitives(7, router_noise=1e-6)
    layer(x, mask=mask, training=True)
    (plain,) = layer.losses
    changed = np.where(mask[..., None], x, 9.0).astype("float32")
    layer(changed, mask=mask, training=True)
    np.testing.assert_allclose(float(layer.losses[0]), float(plain), rtol=1e-4)


def test_training_sends_tokens_in_inverse_proportion_to_latencies(rng):
    # The task is none: only the balance moves the router, which begins with one expert.
    x = rng.normal(size=(256, 4)).astype("float32")
    layer = L.MixtureOfPrimitives(
        4, expert_latencies=(3.0, 1.0), balance_weight=1.0, router_noise=0.5, seed=1
    )
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.stop_gradient(layer(inputs)))
    layer.router.kernel.assign(np.array([[2.0, -2.0]] + [[0.0, 0.0]] * 3, "float32"))
    x[:, 0] = np.abs(x[:, 0])  # at first all go to the slow expert
    shares = lambda: (numpy_of(layer.route(x)) > 0).mean(0)  # noqa: E731
    assert shares()[0] == 1
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(x, np.zeros((256, 4)), epochs=60, batch_size=256, verbose=0)
    assert 0.1 < shares()[0] < 0.4


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
def test_layer_conforms():
    arguments = {
        "hidden_units": 6,
        "experts": ("dense", "shift", "adder"),
        "units": 3,
        "top_k": 3,
        "expert_latencies": (3.0, 1.0, 2.0),
        "router_noise": 0.1,
        "activation": "gelu",
        "normalization_momentum": 0.9,
        "seed": 2,
    }
    # Statistics that do not fit yet amplify every rounding of an adder.
    ksa.testing.check_layer(L.MixtureOfPrimitives, arguments, (8, 5, 6), mixed_precision=False)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_router_works_in_float32(x, policy):
    layer = L.MixtureOfPrimitives(6, dtype=policy)
    outputs = layer(x, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert keras.backend.standardize_dtype(layer.route(x).dtype) == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"experts": ("dense",)}, "`experts` must be a sequence of two or more"),
        ({"experts": ("dense", "conv")}, "`experts` must be one of"),
        ({"top_k": 3}, "at most the number of experts"),
        ({"expert_latencies": (1.0,)}, "`expert_latencies` must be a sequence of 2"),
        ({"expert_latencies": (1.0, 0.0)}, "`expert_latencies` must be a sequence of 2"),
        ({"balance_weight": -1}, "`balance_weight` must be"),
        ({"router_noise": 0}, "`router_noise` must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        L.MixtureOfPrimitives(4, **arguments)
