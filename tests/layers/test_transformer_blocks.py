"""HybridEncoderBlock and HybridDecoderBlock: their parts, masks, caches, conformance."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

L = ksa.layers
ENCODER_OPERATORS = ("attention", "conv", "shift_adder", "attention+shift", "attention+adder")
DECODER_OPERATORS = ("attention", "attention+conv", "attention+shift_adder")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 7, 8)).astype("float32")


@pytest.fixture
def encoded(rng):
    return rng.normal(size=(3, 5, 8)).astype("float32")


@pytest.mark.parametrize(
    ("operator", "normalize_first"),
    [("attention", False), ("conv", True), ("attention+shift", True)],
)
def test_an_encoder_block_is_made_of_its_parts(x, operator, normalize_first):
    block = L.HybridEncoderBlock(12, 2, operator=operator, normalize_first=normalize_first)
    y = numpy_of(block(x))
    norms = [block.mixer_norm, block.feed_forward_norm]
    mixer = block.mixer

    def mix(h):
        if operator == "attention+shift":
            first, second = h[..., :4], h[..., 4:]
            parts = [numpy_of(mixer.attention(first, first)), numpy_of(mixer.convolution(second))]
            return np.concatenate(parts, -1)
        if operator == "attention":
            return numpy_of(mixer.attention(h, h))
        return numpy_of(mixer.convolution(h))

    wanted = x
    for norm, part in zip(
        norms, (mix, lambda h: numpy_of(block.feed_forward_layer(h))), strict=True
    ):
        if normalize_first:
            wanted = wanted + part(numpy_of(norm(wanted)))
        else:
            wanted = numpy_of(norm(wanted + part(wanted)))
    np.testing.assert_allclose(y, wanted, atol=1e-5)


@pytest.mark.parametrize("operator", ENCODER_OPERATORS)
def test_what_is_masked_has_no_influence(x, operator):
    mask = np.arange(7) < np.array([[7], [3], [5]])
    block = L.HybridEncoderBlock(12, 2, operator=operator)
    y = numpy_of(block(x, mask=mask))
    changed = np.where(mask[..., None], x, 5.0).astype("float32")
    np.testing.assert_allclose(numpy_of(block(changed, mask=mask))[mask], y[mask], atol=1e-4)


@pytest.mark.parametrize(
    ("operator", "normalize_first"), list(zip(DECODER_OPERATORS, (False, True, False), strict=True))
)
def test_decoding_with_a_cache_equals_one_call(x, encoded, operator, normalize_first):
    block = L.HybridDecoderBlock(12, 2, operator=operator, normalize_first=normalize_first)
    mask = np.arange(5) < np.array([[5], [2], [4]])
    wanted, scores = block(x, encoded, encoder_outputs_mask=mask, return_attention_scores=True)
    cache = block.make_cache(encoded, 7)
    for position in range(7):
        y, own, cache = block(
            x[:, position : position + 1],
            encoder_outputs_mask=mask,
            cache=cache,
            cache_update_index=position,
            return_attention_scores=True,
        )
        np.testing.assert_allclose(numpy_of(y)[:, 0], numpy_of(wanted)[:, position], atol=1e-4)
        np.testing.assert_allclose(
            numpy_of(own)[:, :, 0], numpy_of(scores)[:, :, position], atol=1e-5
        )


@pytest.mark.parametrize("operator", DECODER_OPERATORS)
def test_a_decoder_block_does_not_look_ahead(x, encoded, operator):
    block = L.HybridDecoderBlock(12, 2, operator=operator, similarity="laplacian")
    changed = x.copy()
    changed[:, 4:] += 1
    before, after = (numpy_of(block(y, encoded)) for y in (x, changed))
    np.testing.assert_allclose(before[:, :4], after[:, :4], atol=1e-5)
    assert np.abs(before[:, 4:] - after[:, 4:]).max() > 1e-3


def test_scores_of_an_encoder_block_are_those_of_its_attention(x):
    block = L.HybridEncoderBlock(12, 2, operator="attention+conv")
    _, scores = block(x, return_attention_scores=True)
    assert scores.shape == (3, 1, 7, 7)


def test_scores_are_outputs_of_functional_models(x, encoded):
    inputs, source = keras.Input((None, 8)), keras.Input((5, 8))
    first = L.HybridEncoderBlock(12, 2)(inputs, return_attention_scores=True)
    second = L.HybridDecoderBlock(12, 2)(first[0], source, return_attention_scores=True)
    model = keras.Model([inputs, source], [*first, *second])
    symbolic = [tuple(output.shape) for output in model.outputs]
    assert symbolic[1][1:2] == symbolic[3][1:2] == (2,)
    real = model([x, encoded])
    assert [tuple(y.shape) for y in real] == [(3, 7, 8), (3, 2, 7, 7), (3, 7, 8), (3, 2, 7, 5)]


def test_keras_masks_reach_a_decoder_block(encoded):
    tokens = np.array([[1, 2, 0], [3, 0, 0], [1, 2, 3]])
    embedded = keras.layers.Embedding(4, 8, mask_zero=True)(tokens)
    block = L.HybridDecoderBlock(12, 2)
    mask = tokens != 0
    masked = numpy_of(block(embedded, encoded))
    wanted = numpy_of(block(keras.ops.convert_to_numpy(embedded), encoded, inputs_mask=mask))
    np.testing.assert_allclose(masked, wanted, atol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"operator": "attention+shift", "projection": "shift", "feed_forward": "mixture"},
        {"operator": "conv", "normalize_first": True, "feed_forward": "shift"},
    ],
)
def test_an_encoder_block_conforms(arguments):
    # The bias of a key has no influence, so that no step moves it.
    arguments = {"hidden_units": 12, "num_heads": 2, "activation": "gelu", "seed": 3, **arguments}
    ksa.testing.check_serialization(L.HybridEncoderBlock, arguments, (4, 5, 8))
    ksa.testing.check_build(L.HybridEncoderBlock, arguments, (4, 5, 8))
    ksa.testing.check_shapes(L.HybridEncoderBlock, arguments, (4, 5, 8))
    ksa.testing.check_mixed_precision(
        L.HybridEncoderBlock, arguments, (4, 5, 8), policy="mixed_bfloat16"
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("encoder", {"operator": "conv+attention"}, "`operator` must be one of"),
        ("decoder", {"operator": "conv"}, "`operator` must be one of"),
        ("decoder", {"similarity": "binary_linear"}, "`similarity` must be one of"),
        ("encoder", {"feed_forward": "conv"}, "`feed_forward` must be one of"),
        ("encoder", {"projection": "conv"}, "`projection` must be one of"),
        ("encoder", {"num_heads": 3}, "must be a multiple of its heads"),
        ("decoder", {"num_heads": 3}, "must be a multiple of its heads"),
    ],
)
def test_a_bad_argument_is_named(x, encoded, kind, arguments, message):
    arguments = {"hidden_units": 4, "num_heads": 2, **arguments}
    block, inputs = L.HybridEncoderBlock, (x,)
    if kind == "decoder":
        block, inputs = L.HybridDecoderBlock, (x, encoded)
    with pytest.raises(ValueError, match=message):
        block(**arguments)(*inputs)


def test_a_block_without_attention_has_no_scores(x):
    with pytest.raises(ValueError, match="Only attention has scores"):
        L.HybridEncoderBlock(12, 2, operator="conv")(x, return_attention_scores=True)
