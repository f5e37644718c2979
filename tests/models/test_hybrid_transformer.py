"""HybridTransformer: decoding, masks, saving, training, arguments."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa

START, END = 1, 2


def small(**arguments):
    arguments = {
        "source_vocabulary_size": 11,
        "target_vocabulary_size": 9,
        "embedding_dim": 8,
        "hidden_units": 12,
        "num_heads": 2,
        "kernel_size": 3,
        "encoder_operators": ("attention+shift",),
        "decoder_operators": ("attention+conv",),
        "dropout": 0.0,
        **arguments,
    }
    return ksa.models.HybridTransformer(**arguments)


@pytest.fixture
def source():
    return np.array([[3, 4, 5, 6], [7, 8, 0, 0], [9, 10, 3, 0]])


@pytest.fixture
def target():
    return np.array([[1, 4, 5], [1, 8, 0], [1, 3, 3]])


def sharpened(model):
    """Embeddings far apart, so that no two tokens come out nearly alike."""
    table = np.random.default_rng(4).normal(size=(9, 8)).astype("float32")
    model.target_embedding.embeddings.assign(table)
    return model


def logits_of(model, source, target):
    return keras.ops.convert_to_numpy(model([source, target]))


@pytest.mark.parametrize("normalize_first", [False, True])
def test_greedy_decoding_equals_repeated_calls(source, normalize_first):
    model = sharpened(small(normalize_first=normalize_first, projection="shift"))
    found, scores = model.generate(source, 6, START, END, return_scores=True)
    # What follows a token does not change its logits: one shape, which is compiled once, serves.
    tokens, totals = np.zeros((3, 7), int), np.zeros(3)
    tokens[:, 0] = START
    ended = np.zeros(3, bool)
    for step in range(found.shape[1]):
        logits = logits_of(model, source, tokens)[:, step].astype("float64")
        logits = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        logits[:, 0] = -np.inf
        best = logits.argmax(-1)
        totals += np.where(ended, 0, logits.max(-1))
        best = np.where(ended, 0, best)
        ended |= best == END
        tokens[:, step + 1] = best
    np.testing.assert_array_equal(found, tokens[:, 1 : found.shape[1] + 1])
    np.testing.assert_allclose(scores, totals, rtol=1e-4)


def test_beam_search_scores_are_those_of_its_sequences(source):
    model = sharpened(small())
    found, scores = model.generate(
        source, 5, START, END, num_beams=3, length_penalty=1.0, return_scores=True
    )
    for row, sequence in enumerate(found):
        sequence = sequence[sequence != 0]
        target = np.concatenate([[START], sequence])[None]
        logits = logits_of(model, source[row : row + 1], target[:, :-1])[0].astype("float64")
        logits = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        total = logits[np.arange(len(sequence)), sequence].sum()
        np.testing.assert_allclose(scores[row], total / ((5 + len(sequence)) / 6), rtol=1e-4)


def test_padding_of_the_source_has_no_influence(source, target):
    model = small()
    longer = np.pad(source, ((0, 0), (0, 3)))
    np.testing.assert_allclose(
        logits_of(model, longer, target), logits_of(model, source, target), atol=1e-5
    )


def test_padded_targets_take_no_part_in_the_loss(source, target):
    model = small()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    wanted = np.array([[4, 5, 2], [8, 2, 0], [3, 3, 2]])
    value = model.evaluate([source, target], wanted, batch_size=3, verbose=0)
    logits = logits_of(model, source, target).astype("float64")
    logits = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    each = -np.take_along_axis(logits, wanted[..., None], -1)[..., 0]
    np.testing.assert_allclose(value, each[target != 0].mean(), rtol=1e-4)


def test_one_vocabulary_is_shared_where_no_other_is_given():
    model = small(target_vocabulary_size=None)
    assert model.source_embedding is model.target_embedding
    assert model.output_shape == (None, None, 11)


def test_each_block_may_be_of_its_own_kind():
    model = small(
        encoder_operators=("attention", "shift"),
        decoder_operators=("attention",),
        hidden_units=(4, 6, 8),
        projection=("dense", "shift", "adder"),
        feed_forward=("shift", "mixture", "dense"),
        encoder_similarity="binary_linear",
    )
    blocks = [*model.encoder_blocks, *model.decoder_blocks]
    assert [block.hidden_units for block in blocks] == [4, 6, 8]
    assert [block.projection for block in blocks] == ["dense", "shift", "adder"]
    assert [block.feed_forward for block in blocks] == ["shift", "mixture", "dense"]
    assert [block.similarity for block in blocks] == ["binary_linear", "binary_linear", "dot"]


def test_a_saved_model_predicts_and_decodes_the_same(source, target, tmp_path):
    model = sharpened(small(activation="gelu", normalize_first=True, similarity="laplacian"))
    model.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(
        logits_of(loaded, source, target), logits_of(model, source, target)
    )
    np.testing.assert_array_equal(
        loaded.generate(source, 4, START, END), model.generate(source, 4, START, END)
    )


def test_it_learns_to_copy(rng):
    keras.utils.set_random_seed(0)
    source = rng.integers(3, 9, size=(128, 4))
    source = np.pad(source, ((0, 0), (0, 1)), constant_values=END)
    target = np.pad(source[:, :-1], ((0, 0), (1, 0)), constant_values=START)
    model = ksa.models.HybridTransformer(
        9,
        embedding_dim=16,
        hidden_units=32,
        num_heads=2,
        encoder_operators=("attention",),
        decoder_operators=("attention",),
        dropout=0.0,
        normalize_first=True,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit([source, target], source, batch_size=32, epochs=25, verbose=0)
    found = model.generate(source[:32], 5, START, END)
    assert (found == source[:32]).mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"embedding_dim": 7}, "`embedding_dim` must be even"),
        ({"encoder_operators": ()}, "`encoder_operators` must be a sequence"),
        ({"decoder_operators": "attention"}, "`decoder_operators` must be a sequence"),
        ({"hidden_units": (4, 5, 6)}, "one for each of the 2 blocks"),
        ({"source_vocabulary_size": 0}, "`source_vocabulary_size` must be"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_length": 0}, "`max_length` must be"),
        ({"num_beams": 0}, "`num_beams` must be"),
        ({"length_penalty": -1}, "`length_penalty` must be"),
        ({"end_id": 9}, "`end_id` must be a token of the target"),
        ({"start_id": 0}, "`start_id` must be a token of the target"),
    ],
)
def test_a_bad_argument_of_decoding_is_named(source, arguments, message):
    arguments = {"max_length": 3, "start_id": START, "end_id": END, **arguments}
    with pytest.raises(ValueError, match=message):
        small().generate(source, **arguments)
