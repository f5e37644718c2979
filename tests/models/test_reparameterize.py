"""Trained transformers, their parts replaced stage by stage, with their weights."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.models import HybridTransformer, HybridViT, reparameterize

IMAGES = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
TOKENS = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def predicted(model, x):
    return np.asarray(keras.ops.convert_to_numpy(model(x, training=False)))


def randomized(model, power_of_two=False):
    """The model with weights that are all random; kernels are powers of two if wanted."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "kernel" in weight.path and power_of_two:
            sign, exponent = (
                rng.choice([-1.0, 1.0], weight.shape),
                rng.integers(-6, -2, weight.shape),
            )
            weight.assign(sign * 2.0**exponent)
        elif weight.trainable:
            weight.assign(0.3 * rng.normal(size=weight.shape) + ("gamma" in weight.path))
    return model


def vision(power_of_two=True, **options):
    arguments = {"patch_size": 4, "embedding_dim": 8, "hidden_units": 12, "num_heads": 2}
    model = HybridViT((8, 8, 1), 3, ("attention", "attention+conv"), **arguments, **options)
    return randomized(model, power_of_two)


def translator():
    model = HybridTransformer(
        11, embedding_dim=8, hidden_units=12, num_heads=2, dropout=0.0,
        encoder_operators=("attention",), decoder_operators=("attention",),
    )  # fmt: skip
    return randomized(model, power_of_two=True)


@pytest.mark.parametrize("feed_forward", ["shift", "mixture"])
def test_powers_of_two_stay_as_they_are(feed_forward):
    model = vision()
    shifted = reparameterize(model, projection="shift", feed_forward=feed_forward)
    np.testing.assert_allclose(
        predicted(shifted, IMAGES), predicted(model, IMAGES), rtol=1e-4, atol=1e-5
    )
    block = shifted.get_layer("block_1")
    assert (block.projection, block.feed_forward) == ("shift", feed_forward)
    assert isinstance(block.mixer.attention.value_dense, ksa.layers.ShiftDense)


def test_shift_weights_are_rounded_from_those_carried():
    model = vision(power_of_two=False)
    shifted = reparameterize(model, projection="shift")
    before, after = (m.get_layer("block_0").mixer.attention.query_dense for m in (model, shifted))
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (before.kernel, after.kernel)))
    rounded = ksa.ops.round_to_power_of_two(before.kernel, 5)
    np.testing.assert_array_equal(
        *map(keras.ops.convert_to_numpy, (rounded, after.effective_kernel()))
    )


@pytest.mark.parametrize("similarity", ["laplacian", "binary_linear"])
def test_attention_is_replaced_with_its_projections(similarity):
    model = vision()
    replaced = reparameterize(model, similarity=similarity)
    before, after = (m.get_layer("block_0").mixer.attention for m in (model, replaced))
    assert after.similarity == similarity
    for place in ("query", "value", "output"):
        pair = (getattr(layer, f"{place}_dense").kernel for layer in (before, after))
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, pair))
    assert np.isfinite(predicted(replaced, IMAGES)).all()


def test_stages_follow_each_other_and_are_saved(tmp_path):
    model = vision()
    first = reparameterize(model, similarity="binary_linear")
    second = reparameterize(first, projection="shift", feed_forward="shift")
    np.testing.assert_allclose(
        predicted(second, IMAGES), predicted(first, IMAGES), rtol=1e-4, atol=1e-5
    )
    second.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predicted(loaded, IMAGES), predicted(second, IMAGES), rtol=1e-5)


def test_the_model_given_stays_as_it_was():
    model = vision()
    before, weights = predicted(model, IMAGES), model.get_weights()
    reparameterize(model, similarity="laplacian", projection="shift", feed_forward="mixture")
    np.testing.assert_array_equal(predicted(model, IMAGES), before)
    for value, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("use_gate", [False, True])
def test_keras_attention_becomes_hybrid_attention(use_gate):
    inputs = keras.Input((5, 8))
    attention = keras.layers.MultiHeadAttention(2, 3, use_gate=use_gate, name="attend")
    x = attention(inputs, inputs)
    x = keras.layers.Dense(12, activation="relu", name="inner")(x)
    x = keras.layers.Dense(8, name="outer")(x)
    model = randomized(keras.Model(inputs, x), power_of_two=True)
    same = reparameterize(model)
    assert isinstance(same.get_layer("attend"), ksa.layers.HybridAttention)
    np.testing.assert_allclose(
        predicted(same, TOKENS), predicted(model, TOKENS), rtol=1e-4, atol=1e-6
    )
    shifted = reparameterize(model, projection="shift", dense_layers=("inner", "outer"))
    assert isinstance(shifted.get_layer("inner"), ksa.layers.ShiftDense)
    np.testing.assert_allclose(
        predicted(shifted, TOKENS), predicted(model, TOKENS), rtol=1e-4, atol=1e-5
    )


def test_a_transformer_goes_on_translating():
    model = translator()
    shifted = reparameterize(model, projection="shift", feed_forward="shift")
    source = np.array([[3, 4, 5, 0], [6, 7, 8, 9]])
    arguments = {"max_length": 4, "start_id": 1, "end_id": 2, "return_scores": True}
    (found, scores), (wanted, old) = (m.generate(source, **arguments) for m in (shifted, model))
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(scores, old, rtol=1e-4)
    linear = reparameterize(model, similarity="binary_linear")
    assert linear.encoder_blocks[0].similarity == "binary_linear"
    assert linear.decoder_blocks[0].similarity == "dot"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"similarity": "cosine"}, "`similarity` must be None or one of"),
        ({"projection": "adder"}, "weights of products are of no use"),
        ({"feed_forward": "adder"}, "`feed_forward` must be None or one of"),
        ({"dense_layers": ("nowhere",)}, "`dense_layers` must name layers of the model"),
        ({"dense_layers": ("pool",)}, "must name keras.layers.Dense layers"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        reparameterize(vision(), **arguments)


def test_a_model_without_attention_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must have attention"):
        reparameterize(model)
