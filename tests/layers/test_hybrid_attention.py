"""HybridAttention: equal to that of Keras; masks, shapes, dropout, saving."""

import keras
import numpy as np
import pytest
from attention_layers import PROJECTIONS, built, numpy_of

import keras_shiftadd as ksa

L = ksa.layers


@keras.saving.register_keras_serializable(package="tests")
class SelfAttention(keras.layers.Layer):
    """Attention of a tensor to itself: a layer with one input, as the conformance suite wants."""

    def __init__(self, arguments, **kwargs):
        super().__init__(**kwargs)
        self.arguments = arguments
        self.attention = L.HybridAttention(**arguments, dtype=self.dtype_policy)

    def build(self, input_shape):
        self.attention.build(input_shape, input_shape)
        self.built = True

    def call(self, inputs, training=None):
        return self.attention(inputs, inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.attention.compute_output_shape(input_shape, input_shape)

    def get_config(self):
        return {**super().get_config(), "arguments": self.arguments}


def like_keras(arguments, tensors):
    """Keras' attention, and ours with its weights."""
    theirs = built(keras.layers.MultiHeadAttention(**arguments), tensors)
    ours = built(L.HybridAttention(**arguments), tensors)
    # Biases that are not zero, so that they count.
    theirs.set_weights([w + 0.1 * (w.ndim < 3) for w in theirs.get_weights()])
    ours.set_weights(
        [w.reshape(own.shape) for w, own in zip(theirs.get_weights(), ours.weights, strict=True)]
    )
    return theirs, ours


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_heads": 2, "key_dim": 3, "use_bias": False},
        {"num_heads": 3, "key_dim": 2, "value_dim": 4, "output_shape": (2, 5)},
        {"num_heads": 2, "key_dim": 3, "value_dim": 4, "use_gate": True},
    ],
)
def test_dense_projections_equal_keras_attention(tensors, arguments):
    theirs, ours = like_keras(arguments, tensors)
    # With the scores: without them Keras cannot attend to values of a size of their own on JAX.
    calls = {"return_attention_scores": True}
    for own, wanted in zip(ours(**tensors, **calls), theirs(**tensors, **calls), strict=True):
        np.testing.assert_allclose(numpy_of(own), numpy_of(wanted), atol=1e-6)


@pytest.mark.parametrize("axes", [(4, 5, 6), (1, 5, 6), (5, 6), (4, 2, 5, 6)])
def test_masks_of_any_rank_equal_those_of_keras(tensors, rng, axes):
    theirs, ours = like_keras({"num_heads": 2, "key_dim": 3}, tensors)
    mask = rng.random(axes) < 0.6
    mask[..., 0] = True  # what a query without any key gets is not defined in Keras
    calls = {"attention_mask": mask, "return_attention_scores": True, "use_causal_mask": True}
    for own, wanted in zip(ours(**tensors, **calls), theirs(**tensors, **calls), strict=True):
        np.testing.assert_allclose(numpy_of(own), numpy_of(wanted), atol=1e-6)


@pytest.mark.parametrize(
    ("attended", "masked"), [(None, True), (1, True), ((2,), False), ((-2,), True), ((2, 1), True)]
)
def test_attention_along_some_axes_equals_that_of_keras(rng, attended, masked):
    sizes = {"query": (2, 3, 4, 6), "value": (2, 3, 4, 4)}
    if attended == 1:
        sizes["value"] = (2, 5, 4, 4)
    tensors = {name: rng.normal(size=size).astype("float32") for name, size in sizes.items()}
    arguments = {"num_heads": 2, "key_dim": 3, "attention_axes": attended}
    tensors["key"] = tensors["value"]
    theirs, ours = like_keras(arguments, tensors)
    calls = {"return_attention_scores": True}
    if masked:
        rank = 1 if attended in (1, (2,), (-2,)) else 2
        order = {None: (1, 2), 1: (1,), (2,): (2,), (-2,): (2,), (2, 1): (2, 1)}[attended]
        assert len(order) == rank
        pairs = (*(sizes["query"][i] for i in order), *(sizes["value"][i] for i in order))
        mask = rng.random((2, *pairs)) < 0.6
        mask[(..., *(0,) * rank)] = True
        calls["attention_mask"] = mask if rank == 2 else mask[:, None]
    for own, wanted in zip(ours(**tensors, **calls), theirs(**tensors, **calls), strict=True):
        np.testing.assert_allclose(numpy_of(own), numpy_of(wanted), atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_a_sliding_window_equals_that_of_keras(x, causal):
    arguments = {"num_heads": 2, "key_dim": 3, "sliding_window": 2}
    theirs, ours = like_keras(arguments, {"query": x, "value": x, "key": x})
    own, wanted = (numpy_of(layer(x, x, use_causal_mask=causal)) for layer in (ours, theirs))
    np.testing.assert_allclose(own, wanted, atol=1e-6)


def test_the_key_is_the_value_where_none_is_given(tensors):
    ours = L.HybridAttention(2, 3)
    same = ours(tensors["query"], tensors["value"], tensors["value"])
    np.testing.assert_array_equal(
        numpy_of(ours(tensors["query"], tensors["value"])), numpy_of(same)
    )


def test_one_training_step_equals_that_of_keras(x, rng):
    targets = rng.normal(size=(4, 5, 6)).astype("float32")
    theirs, ours = like_keras({"num_heads": 2, "key_dim": 3}, {"query": x, "value": x, "key": x})
    for layer in (theirs, ours):
        inputs = keras.Input((5, 6))
        model = keras.Model(inputs, layer(inputs, inputs))
        # JAX is slow without compilation, the others are slow with it.
        jit_compile = keras.backend.backend() == "jax"
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit_compile)
        model.fit(x, targets, batch_size=4, verbose=0)
    for own, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, wanted.reshape(own.shape), atol=1e-5)


def test_the_mask_of_the_value_is_that_of_a_key_that_is_not_given(tensors):
    layer = L.HybridAttention(2, 3, projection="adder")
    mask = np.arange(6) < np.array([[2], [6], [5], [3]])
    query, value = tensors["query"], tensors["value"]
    alone = layer(query, value, value_mask=mask, training=True)
    both = layer(query, value, value, value_mask=mask, key_mask=mask, training=True)
    np.testing.assert_allclose(numpy_of(alone), numpy_of(both), atol=1e-5)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_masks_of_the_inputs_are_used_and_passed_on(projection):
    tokens = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [3, 0, 0, 0, 0], [1, 2, 3, 4, 5]])
    embedded = keras.layers.Embedding(6, 6, mask_zero=True)(tokens)
    layer = L.HybridAttention(2, 3, projection=projection)
    outputs, scores = layer(embedded, embedded, return_attention_scores=True)
    visible = tokens != 0
    allowed = visible[:, None, :, None] & visible[:, None, None, :]
    assert (numpy_of(scores)[~np.broadcast_to(allowed, scores.shape)] < 1e-6).all()
    passed_on = keras.layers.GlobalAveragePooling1D()(outputs)
    counted = numpy_of(outputs) * visible[..., None]
    np.testing.assert_allclose(
        numpy_of(passed_on), counted.sum(1) / visible.sum(1)[:, None], rtol=1e-4, atol=1e-5
    )


def test_a_causal_mask_hides_what_comes_later(x):
    changed = x.copy()
    changed[:, 3:] += 1
    layer = L.HybridAttention(2, 3, projection="shift")
    before, after = (numpy_of(layer(y, y, use_causal_mask=True)) for y in (x, changed))
    np.testing.assert_allclose(before[:, :3], after[:, :3], atol=1e-6)
    assert np.abs(before[:, 3:] - after[:, 3:]).max() > 1e-3


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_layer_conforms(projection):
    # Without biases: that of the key has no influence, so no step moves it. Low precision is
    # tested below, with statistics that fit: a softmax of raw distances amplifies every rounding.
    arguments = {"num_heads": 2, "key_dim": 3, "use_bias": False, "projection": projection}
    ksa.testing.check_layer(
        SelfAttention, {"arguments": arguments}, (4, 5, 6), mixed_precision=projection != "adder"
    )


def test_a_saved_model_with_two_inputs_predicts_the_same(tmp_path, tensors):
    inputs = [keras.Input(tensors[name].shape[1:]) for name in ("query", "value")]
    outputs = L.HybridAttention(2, 3, projection="adder", dropout=0.5)(*inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    x = [tensors["query"], tensors["value"]]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_symbolic_outputs_have_the_shapes_of_real_ones(tensors):
    layer = L.HybridAttention(2, 3, output_shape=(2, 5), projection="shift")
    inputs = [keras.Input(tensors[name].shape[1:]) for name in ("query", "value", "key")]
    symbolic = layer(*inputs, return_attention_scores=True)
    real = layer(**tensors, return_attention_scores=True)
    for one, other in zip(symbolic, real, strict=True):
        assert one.shape == (None, *other.shape[1:])


def test_the_number_of_tokens_may_be_open(rng):
    inputs = keras.Input((None, 6))
    model = keras.Model(inputs, L.HybridAttention(2, 3)(inputs, inputs, use_causal_mask=True))
    assert model.output_shape == (None, None, 6)
    for tokens in (4, 7):
        x = rng.normal(size=(2, tokens, 6))
        assert model.predict(x, verbose=0).shape == x.shape


def test_dropout_acts_in_training_only_and_follows_its_seed(x):
    layer = L.HybridAttention(2, 3, dropout=0.5, seed=1)
    again = L.HybridAttention(2, 3, dropout=0.5, seed=1)
    plain = numpy_of(layer(x, x))
    again.build(x.shape, x.shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numpy_of(layer(x, x)), plain)
    dropped = numpy_of(layer(x, x, training=True))
    assert np.abs(dropped - plain).max() > 1e-3
    np.testing.assert_array_equal(numpy_of(again(x, x, training=True)), dropped)


def test_returned_scores_are_those_before_the_dropout(x):
    layer = L.HybridAttention(2, 3, dropout=0.5)
    _, scores = layer(x, x, return_attention_scores=True, training=True)
    np.testing.assert_allclose(numpy_of(scores).sum(-1), 1, atol=1e-5)


def test_a_regulariser_of_activities_reaches_the_loss_of_each_projection(tensors):
    layer = L.HybridAttention(2, 3, activity_regularizer=keras.regularizers.L1(1.0))
    layer(**tensors)
    assert len(layer.losses) == 4
