"""HybridViT: shapes, kinds of blocks, saving, arguments."""

import keras
import numpy as np
import pytest

import keras_shiftadd as ksa


def small(**arguments):
    arguments = {
        "input_shape": (8, 12, 3),
        "patch_size": 4,
        "embedding_dim": 8,
        "hidden_units": 12,
        "num_heads": 2,
        "operators": ("attention",),
        "num_classes": 5,
        **arguments,
    }
    return ksa.models.HybridViT(**arguments)


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({}, (None, 5)),
        ({"include_top": False}, (None, 8)),
        ({"include_top": False, "pooling": None}, (None, 6, 8)),
    ],
)
def test_the_top_is_a_choice(arguments, shape):
    assert small(**arguments).output_shape == shape


def test_a_saved_model_of_all_kinds_of_blocks_predicts_the_same(rng, tmp_path):
    model = small(
        operators=("attention", "attention+shift", "conv"),
        similarity=("binary_linear", "laplacian", "dot"),
        feed_forward=("mixture", "shift", "dense"),
        projection=("shift", "dense", "shift"),
        expert_latencies=(2.0, 1.0),
    )
    x = rng.normal(size=(4, 8, 12, 3)).astype("float32")
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(4), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = ksa.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_patches_are_tokens_that_know_their_places(rng):
    model = small(include_top=False, pooling=None)
    x = np.tile(rng.normal(size=(1, 4, 4, 3)), (1, 2, 3, 1)).astype("float32")
    outputs = keras.ops.convert_to_numpy(model(x))
    assert np.abs(outputs[0, 0] - outputs[0, 1]).max() > 1e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_shape": (9, 12, 3)}, "multiples of `patch_size`"),
        ({"pooling": "max"}, "`pooling` must be"),
        ({"operators": ()}, "`operators` must be a sequence"),
        ({"num_heads": (2, 2)}, "one for each of the 1 blocks"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        small(**arguments)
