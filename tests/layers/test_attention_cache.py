"""Keys and values that are kept from call to call while a sequence is decoded."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

L = ksa.layers


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 7, 6)).astype("float32")


@pytest.mark.parametrize(
    ("similarity", "window", "steps"),
    [("dot", None, (1,) * 7), ("dot", 3, (3, 1, 2, 1)), ("laplacian", None, (3, 1, 2, 1))],
)
def test_decoding_with_a_cache_equals_one_causal_call(x, similarity, window, steps):
    layer = L.HybridAttention(2, 4, value_dim=3, similarity=similarity, sliding_window=window)
    wanted = numpy_of(layer(x, x, use_causal_mask=True))
    cache = layer.make_cache(3, 9)
    position, outputs = 0, []
    for count in steps:
        part = x[:, position : position + count]
        y, cache = layer(part, part, use_causal_mask=True, cache=cache, cache_update_index=position)
        outputs.append(numpy_of(y))
        position += count
    np.testing.assert_allclose(np.concatenate(outputs, 1), wanted, atol=1e-5)


def test_a_cache_that_is_not_updated_takes_the_place_of_the_value(x, rng):
    layer = L.HybridAttention(2, 4)
    value = rng.normal(size=(3, 5, 6)).astype("float32")
    mask = np.arange(5) < np.array([[5], [2], [4]])
    wanted, scores = layer(x, value, value_mask=mask, return_attention_scores=True)
    _, cache = layer(value, value, cache=layer.make_cache(3, 5), cache_update_index=0)
    outputs, own, same = layer(x, value, value_mask=mask, return_attention_scores=True, cache=cache)
    np.testing.assert_allclose(numpy_of(outputs), numpy_of(wanted), atol=1e-5)
    np.testing.assert_allclose(numpy_of(own), numpy_of(scores), atol=1e-6)
    np.testing.assert_array_equal(numpy_of(same[0]), numpy_of(cache[0]))


def test_positions_that_are_not_written_yet_are_not_seen(x):
    layer = L.HybridAttention(2, 4)
    cache = tuple(part + 100 for part in layer.make_cache(3, 9))
    _, scores, _ = layer(
        x[:, :2], x[:, :2], return_attention_scores=True, cache=cache, cache_update_index=1
    )
    assert numpy_of(scores)[..., 3:].max() < 1e-6


def test_symbolic_outputs_have_the_shapes_of_real_ones(x):
    layer = L.HybridAttention(2, 4, value_dim=3)
    cache = layer.make_cache(3, 9)
    calls = {"return_attention_scores": True, "cache_update_index": 0}
    real = layer(x, x, cache=cache, **calls)
    inputs = keras.Input(batch_shape=x.shape)
    keys, values = (keras.Input(batch_shape=part.shape) for part in cache)
    symbolic = layer(inputs, inputs, cache=(keys, values), **calls)
    for one, other in zip(keras.tree.flatten(symbolic), keras.tree.flatten(real), strict=True):
        assert tuple(one.shape) == tuple(other.shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cache_update_index": 0}, "needs a cache"),
        ({"cache": "made", "cache_update_index": 0, "value_mask": np.ones((3, 7))}, "of the cache"),
    ],
)
def test_a_call_that_cannot_work_is_refused(x, arguments, message):
    layer = L.HybridAttention(2, 4)
    if "cache" in arguments:
        arguments = {**arguments, "cache": layer.make_cache(3, 9)}
    with pytest.raises(ValueError, match=message):
        layer(x, x, **arguments)


def test_binary_linear_attention_has_no_cache(x):
    layer = L.HybridAttention(2, 4, similarity="binary_linear")
    with pytest.raises(ValueError, match="neither `attention_mask` nor `cache`"):
        layer(x, x, cache=layer.make_cache(3, 9), cache_update_index=0)


def test_a_cache_needs_one_axis_of_tokens():
    layer = L.HybridAttention(2, 4)
    image = np.ones((1, 2, 3, 4))
    with pytest.raises(ValueError, match="A cache needs inputs with 3 axes"):
        layer(image, image, cache=layer.make_cache(1, 6), cache_update_index=0)
