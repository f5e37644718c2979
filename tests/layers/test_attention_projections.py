"""Projections of HybridAttention follow their equations, are normalised and learn."""

import warnings

import keras
import numpy as np
import pytest
from attention_layers import PLACES, PROJECTIONS, built, numpy_of

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference

L = ksa.layers


def project(layer, place, x, mask, training):
    """A projection in NumPy float64, and its normalisation where there is one."""
    dense = getattr(layer, f"{place}_dense")
    kernel, *bias = (np.asarray(w, "float64") for w in dense.get_weights())
    kind = layer.projections[place]
    if kind == "adder":
        y = reference.adder_conv(x, kernel[None])
    else:
        if kind == "shift":
            kernel = reference.round_to_power_of_two(kernel, dense.weight_bits, dense.max_exponent)
        y = x @ kernel
    y = y + (bias[0] if bias else 0)
    normalization = getattr(layer, f"{place}_normalization")
    if normalization is None:
        return y
    gamma, beta, mean, variance = (np.asarray(w, "float64") for w in normalization.get_weights())
    if training:
        seen = y.reshape(-1, y.shape[-1]) if mask is None else y[mask]
        mean, variance = seen.mean(0), seen.var(0)
    return (y - mean) / np.sqrt(variance + normalization.epsilon) * gamma + beta


def attend(layer, query, value, key, masks=(None, None, None), training=False):
    """What the layer should return, in NumPy float64."""
    query_mask, value_mask, key_mask = masks
    masks = dict(zip(PLACES, (query_mask, key_mask, value_mask, query_mask), strict=True))
    q, k, v = (
        project(layer, place, x, masks[place], training)
        for place, x in (("query", query), ("key", key), ("value", value))
    )
    q, k, v = (x.reshape(*x.shape[:2], layer.num_heads, -1) for x in (q, k, v))
    scores = np.einsum("bthc,bshc->bhts", q, k) / np.sqrt(layer.key_dim)
    for mask in (value_mask, key_mask):
        if mask is not None:
            scores = np.where(mask[:, None, None], scores, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    scores /= scores.sum(-1, keepdims=True)
    if query_mask is not None:
        scores = np.where(query_mask[:, None, :, None], scores, 0)
    mixed = np.einsum("bhts,bshc->bthc", scores, v).reshape(*query.shape[:2], -1)
    return project(layer, "output", mixed, masks["output"], training)


def with_statistics(layer, rng):
    """Every weight moved from where it starts; statistics that fit the adder projections."""
    ranges = {"gamma": (0.5, 1.5), "moving_mean": (-12, -4), "moving_variance": (4, 9)}
    moved = []
    for weight, value in zip(layer.weights, layer.get_weights(), strict=True):
        low, high = ranges.get(weight.name, (-0.5, 0.5))
        drawn = rng.uniform(low, high, value.shape).astype("float32")
        moved.append(drawn if weight.name in ranges else value + drawn)
    layer.set_weights(moved)
    return layer


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "projection",
    [
        "shift",
        "adder",
        {"query": "dense", "key": "shift", "value": "adder", "output": "dense"},
    ],
)
def test_projections_follow_the_equations(tensors, rng, projection, training):
    layer = with_statistics(
        built(L.HybridAttention(2, 3, value_dim=4, projection=projection), tensors), rng
    )
    outputs = numpy_of(layer(**tensors, training=training))
    wanted = attend(layer, **tensors, training=training)
    np.testing.assert_allclose(outputs, wanted, atol=2e-5 * np.abs(wanted).max())


def test_masked_positions_take_no_part_in_scores_and_statistics(tensors, rng):
    layer = with_statistics(built(L.HybridAttention(2, 3, projection="adder"), tensors), rng)
    query_mask = np.arange(5) < np.array([[5], [3], [4], [1]])
    value_mask = np.arange(6) < np.array([[2], [6], [5], [3]])
    key_mask = np.arange(6) < np.array([[4], [5], [6], [1]])
    masks = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
    outputs = layer(**tensors, **masks, training=True)
    wanted = attend(layer, **tensors, masks=tuple(masks.values()), training=True)
    np.testing.assert_allclose(
        numpy_of(outputs)[query_mask], wanted[query_mask], atol=2e-5 * np.abs(wanted).max()
    )


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_float16", 0.01), ("mixed_bfloat16", 0.06)]
)
def test_adder_projections_work_in_low_precision(tensors, rng, policy, tolerance):
    full = with_statistics(built(L.HybridAttention(2, 3, projection="adder"), tensors), rng)
    low = built(L.HybridAttention(2, 3, projection="adder", dtype=policy), tensors)
    low.set_weights(full.get_weights())
    outputs = low(**tensors)
    wanted = numpy_of(full(**tensors))
    assert keras.backend.standardize_dtype(outputs.dtype) == low.compute_dtype
    assert {keras.backend.standardize_dtype(w.dtype) for w in low.weights} == {"float32"}
    error = np.abs(numpy_of(keras.ops.cast(outputs, "float32")) - wanted).max()
    assert error < tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_training_step_moves_all_but_the_bias_of_the_key(x, rng, projection):
    layer = L.HybridAttention(2, 3, projection=projection)
    inputs = keras.Input((5, 6))
    model = keras.Model(inputs, layer(inputs, inputs))
    before = {weight.path: numpy_of(weight) for weight in layer.trainable_weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, rng.normal(size=x.shape), batch_size=len(x), verbose=0)
    still = [w.path for w in layer.trainable_weights if np.allclose(w, before[w.path], atol=1e-7)]
    assert all("key" in path and path.endswith(("bias", "beta")) for path in still)
    assert len(still) <= 1


def test_projections_start_with_kernels_of_their_own():
    layer = L.HybridAttention(2, 3, kernel_initializer=keras.initializers.HeNormal())
    layer.build((None, 5, 6), (None, 5, 6))
    query, key = (numpy_of(dense.kernel) for dense in (layer.query_dense, layer.key_dense))
    assert np.abs(query - key).max() > 0.01


def test_training_adder_projections_raises_no_warning_of_a_missing_normalisation(x, rng):
    inputs = keras.Input((5, 6))
    attended = L.HybridAttention(2, 3, projection="adder")(inputs, inputs)
    model = keras.Model(inputs, keras.layers.Dense(2)(attended))
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error", L.MissingNormalizationWarning)
        model.fit(x, rng.normal(size=(4, 5, 2)), verbose=0)
        assert L.check_normalization(model) == []


def test_an_adder_layer_before_the_attention_still_wants_a_normalisation():
    inputs = keras.Input((5, 6))
    compared = L.AdderDense(6, name="adder")(inputs)
    model = keras.Model(inputs, L.HybridAttention(2, 3)(compared, compared))
    with pytest.warns(L.MissingNormalizationWarning):
        assert L.check_normalization(model) == ["adder"]


@pytest.mark.parametrize("projection", ["dense", "shift"])
def test_only_adder_projections_are_normalised(projection):
    layer = L.HybridAttention(2, 3, projection=projection)
    layer.build((None, 5, 6), (None, 5, 6))
    assert [getattr(layer, f"{place}_normalization") for place in PLACES] == [None] * 4


def test_without_a_bias_the_normalisation_has_no_offset():
    layer = L.HybridAttention(2, 3, projection="adder", use_bias=False)
    layer.build((None, 5, 6), (None, 5, 6))
    assert not [w.path for w in layer.weights if w.path.endswith(("bias", "beta"))]


def test_adder_attention_learns(rng):
    # The label is the token behind the mark: attention has to find it.
    keras.utils.set_random_seed(0)
    x = rng.normal(size=(256, 6, 4)).astype("float32") * 0.1
    place, label = rng.integers(6, size=256), rng.integers(2, size=256)
    x[np.arange(256), place, 0] += 3
    x[np.arange(256), place, 1] += np.where(label, 2, -2)
    inputs = keras.Input((6, 4))
    attended = L.HybridAttention(2, 4, projection="adder", normalization_momentum=0.8)(
        inputs, inputs
    )
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(attended))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(x, label, epochs=12, batch_size=32, verbose=0)
    assert model.evaluate(x, label, verbose=0)[1] > 0.9
