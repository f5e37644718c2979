"""HybridAttention: equal to Keras' attention and to the equations, in masks, modes and dtypes."""

import warnings

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa
from keras_shiftadd.testing import reference

L = ksa.layers
PROJECTIONS = ("dense", "shift", "adder")
PLACES = ("query", "key", "value", "output")


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


@pytest.fixture
def tensors(rng):
    """Query, value and key of different numbers of tokens and channels."""
    shapes = {"query": (4, 5, 6), "value": (4, 6, 4), "key": (4, 6, 9)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


# The same shapes wherever they will do: JAX compiles each operation for each shape.
@pytest.fixture
def x(tensors):
    """One tensor that attends to itself."""
    return tensors["query"]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def built(layer, tensors):
    layer.build(*(tensors[name].shape for name in ("query", "value", "key")))
    return layer


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


# --- The same as Keras


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


# --- The equations


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


def test_the_mask_of_the_value_is_that_of_a_key_that_is_not_given(tensors):
    layer = L.HybridAttention(2, 3, projection="adder")
    mask = np.arange(6) < np.array([[2], [6], [5], [3]])
    query, value = tensors["query"], tensors["value"]
    alone = layer(query, value, value_mask=mask, training=True)
    both = layer(query, value, value, value_mask=mask, key_mask=mask, training=True)
    np.testing.assert_allclose(numpy_of(alone), numpy_of(both), atol=1e-5)


# --- Masks that come with the tensors


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


# --- Conformance


@pytest.mark.filterwarnings("ignore:An adder layer brings its kernel gradient")
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_layer_conforms(projection):
    # Without biases: that of the key has no influence, so no step moves it. Low precision is
    # tested below, with statistics that fit: a softmax of raw distances amplifies every rounding.
    arguments = {"num_heads": 2, "key_dim": 3, "use_bias": False, "projection": projection}
    ksa.testing.check_layer(
        SelfAttention, {"arguments": arguments}, (4, 5, 6), mixed_precision=projection != "adder"
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


def test_all_arguments_survive_serialization():
    layer = L.HybridAttention(
        2,
        3,
        value_dim=4,
        dropout=0.25,
        use_bias=False,
        output_shape=(2, 3),
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        bias_initializer="ones",
        kernel_regularizer=keras.regularizers.L2(1e-4),
        bias_regularizer="l1",
        activity_regularizer=keras.regularizers.L1(1e-3),
        kernel_constraint=keras.constraints.MaxNorm(2.0),
        bias_constraint="non_neg",
        use_gate=True,
        seed=7,
        projection={"query": "shift", "key": "shift", "value": "adder", "output": "dense"},
        attention_axes=(1,),
        sliding_window=3,
        similarity="laplacian",
        similarity_scale=2.0,
        hashing="kernel",
        hash_bits=8,
        num_anchors=10,
        hash_loss_weight=0.5,
        value_kernel_size=None,
        weight_bits=4,
        max_exponent=-1,
        gradient="sign",
        gradient_scale=None,
        normalization_momentum=0.9,
        name="named",
        dtype="mixed_bfloat16",
    )
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.serialize_keras_object(keras.saving.deserialize_keras_object(config))
    assert again == config
    inner = config["config"]
    defaults = L.HybridAttention(1, 1, name="default").get_config()
    # `form` has another value only without a constraint.
    unchanged = {name for name in defaults if inner[name] == defaults[name]}
    assert unchanged <= {"trainable", "form"}


def test_a_saved_model_with_two_inputs_predicts_the_same(tmp_path, tensors):
    inputs = [keras.Input(tensors[name].shape[1:]) for name in ("query", "value")]
    outputs = L.HybridAttention(2, 3, projection="adder", dropout=0.5)(*inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    x = [tensors["query"], tensors["value"]]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


# --- Modes


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


def test_projections_start_with_kernels_of_their_own():
    layer = L.HybridAttention(2, 3, kernel_initializer=keras.initializers.HeNormal())
    layer.build((None, 5, 6), (None, 5, 6))
    query, key = (numpy_of(dense.kernel) for dense in (layer.query_dense, layer.key_dense))
    assert np.abs(query - key).max() > 0.01


# --- Normalisation


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


# --- Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, "`num_heads` must be a positive integer"),
        ({"key_dim": 2.5}, "`key_dim` must be a positive integer"),
        ({"value_dim": 0}, "`value_dim` must be a positive integer"),
        ({"dropout": 1.0}, "`dropout` must be a number from 0 to below 1"),
        ({"output_shape": 0}, "`output_shape` must be"),
        ({"output_shape": ()}, "`output_shape` must be"),
        ({"projection": "conv"}, "`projection` must be one of"),
        ({"projection": {"query": "shift"}}, "must name the projection at each of"),
        ({"projection": dict.fromkeys(PLACES, "conv")}, "`projection` must be one of"),
        ({"attention_axes": (1, 1)}, "`attention_axes` must be"),
        ({"sliding_window": 0}, "`sliding_window` must be a positive integer"),
        ({"similarity_scale": 0}, "`similarity_scale` must be a positive number"),
        ({"hashing": "random"}, "`hashing` must be one of"),
        ({"hash_bits": 0}, "`hash_bits` must be"),
        ({"num_anchors": 0}, "`num_anchors` must be"),
        ({"hash_loss_weight": -1}, "`hash_loss_weight` must be"),
        ({"value_kernel_size": 0}, "`value_kernel_size` must be"),
        ({"similarity": "cosine"}, "`similarity` must be one of"),
        ({"form": "ternary"}, "`form` must be one of"),
        ({"weight_bits": 9}, "`weight_bits` must be from 2 to 8"),
        ({"gradient": "exact"}, "`gradient` must be one of"),
        ({"gradient_scale": -1}, "`gradient_scale` must be"),
        ({"normalization_momentum": 1}, "`normalization_momentum` must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        L.HybridAttention(**{"num_heads": 2, "key_dim": 3, **arguments})


def test_inputs_of_different_ranks_are_refused():
    with pytest.raises(ValueError, match=r"as many axes each.*query_shape=\(2, 4, 4, 3\)"):
        L.HybridAttention(2, 3)(np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 3)))


def test_inputs_without_tokens_are_refused():
    with pytest.raises(ValueError, match="must have 3 axes or more"):
        L.HybridAttention(2, 3)(np.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize("axes", [0, 3, (1, -1)])
def test_an_attended_axis_lies_between_batch_and_channels(axes):
    x = np.zeros((2, 4, 5, 3))
    with pytest.raises(ValueError, match="must lie between batch and channels"):
        L.HybridAttention(2, 3, attention_axes=axes)(x, x)


def test_a_key_with_other_tokens_than_the_value_is_refused():
    with pytest.raises(ValueError, match="as many tokens each"):
        L.HybridAttention(2, 3)(np.zeros((2, 4, 3)), np.zeros((2, 4, 3)), np.zeros((2, 5, 3)))
