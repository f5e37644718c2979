"""A supernet of transformers is all of its networks: each one cut out predicts the same."""

import random

import keras
import numpy as np
import pytest
from small_supernets import difference, double_precision, predicted
from small_translation import quick_space, randomized, small_space, tokens

from keras_shiftadd.tuners import TranslationSupernet

BACKEND = keras.backend.backend()
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SINGLE = 4e-5
DOUBLE = 1e-9


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(TranslationSupernet, "table_rows", 32)


def supernet_of(space, **arguments):
    return randomized(TranslationSupernet(space, seed=1, **arguments))


def architectures(space):
    """One with each operator in all blocks, the smallest one, and random ones."""
    rng = random.Random(0)
    found = [space.sample(rng, operator) for operator in space.operators]
    return [*found, space.extreme(rng, largest=False), space.sample(rng)]


def check_cut_out(supernet, tolerance, chosen):
    x = tokens(4)
    counted = x[1] != 0
    for architecture in chosen:
        supernet.select(architecture)
        supernet.calibrate(x)
        found, wanted = predicted(supernet.cut_out(), x), predicted(supernet, x)
        assert np.ptp(wanted, axis=-1).min() > 1e-3
        assert difference(found[counted], wanted[counted]) < tolerance


@pytest.mark.skipif(BACKEND == "tensorflow", reason="TensorFlow: in double precision below")
def test_a_network_cut_out_predicts_what_the_supernet_does():
    # PyTorch compiles nothing.
    space = small_space() if BACKEND == "torch" else quick_space()
    chosen = architectures(space)
    check_cut_out(supernet_of(space), SINGLE, chosen if BACKEND == "torch" else chosen[:1])


@pytest.mark.once
@pytest.mark.parametrize(
    "options",
    [
        {"normalize_first": False, "target_vocabulary_size": None},
        {"similarity": "laplacian", "projections": ("shift",), "feed_forwards": ("dense",)},
        {"encoder_operators": ("conv",), "decoder_operators": ("attention",)},
    ],
    ids=["normalised behind", "laplacian", "few operators"],
)
def test_so_do_networks_of_other_spaces(options):
    space = small_space(**options)
    check_cut_out(supernet_of(space), SINGLE, architectures(space)[-2:])


@pytest.mark.skipif(
    BACKEND != "tensorflow", reason="Keras computes means in float32 on JAX and PyTorch"
)
def test_networks_cut_out_are_equal_in_double_precision():
    tf = pytest.importorskip("tensorflow")
    tf.config.run_functions_eagerly(True)
    try:
        with double_precision():
            space = small_space(encoder_depths=(1,), decoder_depths=(1,))
            # Three of the operators: PyTorch goes through all of them.
            check_cut_out(supernet_of(space), DOUBLE, architectures(space)[3:9:2])
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize(
    "sampling", ["sandwich", "single_path"] if BACKEND == "torch" else ["sandwich"]
)
def test_training_lowers_the_loss(sampling):
    # The gradients of adders take TensorFlow and JAX long to compile, and are tested with layers.
    operators = ("attention+shift_adder",) if BACKEND == "torch" else ("attention+conv", "shift")
    space = quick_space(encoder_operators=operators)
    supernet = TranslationSupernet(space, sampling=sampling, random_networks=1, seed=1)
    supernet.compile(keras.optimizers.Adam(1e-2), LOSS, metrics=["accuracy"])
    x = tokens(16)
    history = supernet.fit(x, x[1], batch_size=16, epochs=12, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    before = [np.array(v) for v in map(keras.ops.convert_to_numpy, supernet.trainable_variables)]
    assert all(np.isfinite(value).all() for value in before)


def test_padding_counts_neither_in_loss_nor_in_accuracy():
    supernet = supernet_of(quick_space(encoder_operators=("attention+adder",)))
    supernet.compile("sgd", LOSS, metrics=["accuracy"])
    source, target = tokens(4)
    longer = np.pad(source, [(0, 0), (0, 3)]), np.pad(target, [(0, 0), (0, 4)])
    found = [
        supernet.evaluate((s, t), t, return_dict=True, verbose=0)
        for s, t in ((source, target), longer)
    ]
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-4)


@pytest.mark.once
def test_a_supernet_is_saved_and_loaded(tmp_path):
    supernet = supernet_of(quick_space())
    x = tokens(2)
    supernet.save(tmp_path / "supernet.keras")
    loaded = keras.saving.load_model(tmp_path / "supernet.keras")
    np.testing.assert_allclose(predicted(loaded, x), predicted(supernet, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": 3}, "must be a TranslationSpace"),
        ({"sampling": "all"}, "`sampling` must be one of"),
        ({"random_networks": -1}, "`random_networks` must be an integer"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        TranslationSupernet(**{"space": small_space(), **arguments})
