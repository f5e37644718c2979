"""Laplacian and binary-linear attention: equations, masks, gradients, conformance."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import layer_gradients, reference

L = ksa.layers
SIMILARITIES = ("laplacian", "binary_linear")


@keras.saving.register_keras_serializable(package="tests")
class Attended(keras.layers.Layer):
    """Attention of a tensor to itself, as a layer with one input."""

    def __init__(self, arguments, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.arguments, self.causal = arguments, causal
        self.attention = L.HybridAttention(**arguments, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.attention.build(input_shape, input_shape)
        self.built = True

    def call(self, inputs, training=None):
        return self.attention(inputs, inputs, training=training, use_causal_mask=self.causal)

    def compute_output_shape(self, input_shape):
        return self.attention.compute_output_shape(input_shape, input_shape)

    def get_config(self):
        return {**super().get_config(), "arguments": self.arguments, "causal": self.causal}


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 7, 6)).astype("float32")


def heads(layer, place, x):
    """A dense projection, as (batch, heads, tokens, size), in NumPy float64."""
    kernel, *bias = (
        np.asarray(w, "float64") for w in getattr(layer, f"{place}_dense").get_weights()
    )
    y = x @ kernel + (bias[0] if bias else 0)
    return y.reshape(*y.shape[:2], layer.num_heads, -1).transpose(0, 2, 1, 3)


def output(layer, mixed):
    kernel, bias = (np.asarray(w, "float64") for w in layer.output_dense.get_weights())
    return mixed.transpose(0, 2, 1, 3).reshape(len(mixed), -1, kernel.shape[0]) @ kernel + bias


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def codes_of(layer, x):
    x = unit(heads(layer, "query", x))
    if layer.hashing == "kernel":
        anchors, combinations = (np.asarray(w, "float64") for w in layer._mixer.hash.get_weights())
        distances = ((x[..., None, :] - anchors[:, None]) ** 2).sum(-1)
        features = np.exp(-distances / 2)
        x = (features - features.mean(-1, keepdims=True)) @ combinations
    return np.where(x < 0, -1, 1) / np.sqrt(x.shape[-1])


def binary_linear(layer, x, mask=None, causal=False):
    """What a binary-linear layer returns, and the weights of its pairs."""
    codes, values = codes_of(layer, x), heads(layer, "value", x)
    tokens = x.shape[1]
    pairs = codes @ codes.transpose(0, 1, 3, 2) / np.pi
    if mask is not None:
        pairs = pairs * mask[:, None, None]
    if causal:
        pairs = np.tril(pairs)
    pairs = pairs + np.eye(tokens) / 2
    mixed = unit(pairs @ values)
    if layer.value_kernel_size is not None:
        size = layer.value_kernel_size
        kernel = np.asarray(numpy_of(layer._mixer.kernel), "float64")
        seen = values if mask is None else values * mask[:, None, :, None]
        before = size - 1 if causal else (size - 1) // 2
        padded = np.pad(seen, ((0, 0), (0, 0), (before, size - 1 - before), (0, 0)))
        for tap in range(size):
            mixed = mixed + padded[:, :, tap : tap + tokens] * kernel[tap][:, None, None]
    return output(layer, mixed), pairs


def made(x, **arguments):
    layer = L.HybridAttention(2, 4, value_dim=3, **arguments)
    layer.build(x.shape, x.shape)
    return layer


@pytest.mark.parametrize("scale", [None, 3.0])
def test_laplacian_scores_are_softmaxed_distances(x, scale):
    layer = made(x, similarity="laplacian", similarity_scale=scale)
    query, key = heads(layer, "query", x), heads(layer, "key", x)
    scores = np.exp(reference.adder_matmul(query, key.transpose(0, 1, 3, 2)) / (scale or 2.0))
    scores /= scores.sum(-1, keepdims=True)
    outputs, own = layer(x, x, return_attention_scores=True)
    np.testing.assert_allclose(numpy_of(own), scores, atol=1e-6)
    np.testing.assert_allclose(
        numpy_of(outputs), output(layer, scores @ heads(layer, "value", x)), atol=1e-5
    )


def test_laplacian_attention_takes_masks_and_other_sequences(x, rng):
    layer = L.HybridAttention(2, 4, similarity="laplacian")
    value = rng.normal(size=(3, 5, 4)).astype("float32")
    mask = rng.random((3, 7, 5)) < 0.6
    mask[..., 0] = True
    _, scores = layer(x, value, attention_mask=mask, return_attention_scores=True)
    assert (numpy_of(scores)[np.broadcast_to(~mask[:, None], scores.shape)] < 1e-6).all()
    np.testing.assert_allclose(numpy_of(scores).sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("hashing", ["vanilla", "kernel"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("value_kernel_size", [None, 3])
def test_binary_linear_attention_follows_its_equation(x, hashing, causal, value_kernel_size):
    layer = made(
        x, similarity="binary_linear", hashing=hashing, value_kernel_size=value_kernel_size
    )
    wanted, pairs = binary_linear(layer, x, causal=causal)
    outputs, scores = layer(x, x, use_causal_mask=causal, return_attention_scores=True)
    np.testing.assert_allclose(numpy_of(outputs), wanted, atol=1e-5)
    np.testing.assert_allclose(numpy_of(scores), pairs, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_masked_tokens_are_not_seen_by_binary_linear_attention(x, causal):
    layer = made(x, similarity="binary_linear", value_kernel_size=3)
    mask = np.arange(7) < np.array([[7], [3], [5]])
    outputs = numpy_of(layer(x, x, query_mask=mask, value_mask=mask, use_causal_mask=causal))
    wanted, _ = binary_linear(layer, x, mask, causal)
    np.testing.assert_allclose(outputs[mask], wanted[mask], atol=1e-5)


def test_query_and_key_share_a_projection_in_binary_linear_attention(x):
    layer = made(x, similarity="binary_linear", hashing="kernel")
    assert layer.key_dense is None
    plain = numpy_of(layer(x, x))
    np.testing.assert_allclose(numpy_of(layer(x, x, x)), plain, atol=1e-5)


def test_the_kernel_hash_is_supervised_in_training_only(x):
    layer = made(x, similarity="binary_linear", hashing="kernel", hash_loss_weight=0.5)
    layer(x, x)
    assert not layer.losses
    layer(x, x, training=True)
    (loss,) = layer.losses
    assert 0 < float(loss) < 0.5


def test_supervision_draws_codes_to_the_angles_of_what_they_stand_for(rng):
    x = rng.normal(size=(8, 32, 8)).astype("float32")
    hashed = L.HybridAttention(
        1, 8, similarity="binary_linear", hashing="kernel", hash_loss_weight=1.0
    )
    inputs = keras.Input((32, 8))
    model = keras.Model(inputs, hashed(inputs, inputs) * 0.0)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(x, np.zeros_like(x), epochs=40, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_gradients_reach_queries(x, similarity):
    layer = Attended({"num_heads": 2, "key_dim": 4, "similarity": similarity})
    layer.build(x.shape)
    _, gradient, weights = layer_gradients(layer, x, np.ones_like(x))
    assert np.isfinite(gradient).all()
    (query,) = (
        gradient
        for gradient, weight in zip(weights, layer.trainable_variables, strict=True)
        if weight.path.endswith("query/kernel")
    )
    assert np.abs(query).max() > 1e-6


@pytest.mark.parametrize(
    ("arguments", "causal"),
    [
        ({"similarity": "laplacian", "projection": "shift"}, False),
        ({"similarity": "binary_linear", "projection": "shift"}, True),
        ({"similarity": "binary_linear", "hashing": "kernel", "attention_axes": (1,)}, False),
    ],
)
def test_layer_conforms(arguments, causal):
    arguments = {"num_heads": 2, "key_dim": 4, "use_bias": False, **arguments}
    # A rounding to half precision turns signs: codes are compared in full precision only.
    ksa.testing.check_layer(
        Attended,
        {"arguments": arguments, "causal": causal},
        (4, 5, 6),
        mixed_precision=arguments["similarity"] == "laplacian",
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_binary_linear_attention_computes_in_low_precision(x, policy):
    layer = L.HybridAttention(2, 4, similarity="binary_linear", hashing="kernel", dtype=policy)
    outputs = layer(x, x, use_causal_mask=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    assert np.isfinite(numpy_of(keras.ops.cast(outputs, "float32"))).all()


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_tokens_may_lie_on_two_axes(rng, similarity):
    image = rng.normal(size=(2, 3, 4, 6)).astype("float32")
    layer = L.HybridAttention(2, 3, similarity=similarity)
    outputs, scores = layer(image, image, return_attention_scores=True)
    flat = image.reshape(2, 12, 6)
    wanted, flat_scores = layer(flat, flat, return_attention_scores=True)
    np.testing.assert_allclose(numpy_of(outputs).reshape(2, 12, 6), numpy_of(wanted), atol=1e-5)
    assert scores.shape == (2, 2, 3, 4, 3, 4)
    np.testing.assert_allclose(
        numpy_of(scores).reshape(2, 2, 12, 12), numpy_of(flat_scores), atol=1e-6
    )


def test_binary_linear_attention_is_self_attention():
    with pytest.raises(ValueError, match="is self-attention"):
        L.HybridAttention(2, 3, similarity="binary_linear")(np.ones((1, 4, 3)), np.ones((1, 5, 3)))


def test_binary_linear_attention_has_no_mask_of_pairs(x):
    with pytest.raises(ValueError, match="computes no scores of pairs"):
        made(x, similarity="binary_linear")(x, x, attention_mask=np.ones((7, 7)))


def test_binary_linear_attention_has_no_window():
    with pytest.raises(ValueError, match="`sliding_window` needs the scores"):
        L.HybridAttention(2, 3, similarity="binary_linear", sliding_window=3)
